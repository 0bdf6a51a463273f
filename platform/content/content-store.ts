import type { Bucket } from '@lade/bucket';
import { matchesFilters, parseFilters, updateLabels, type Labels } from '@lade/containerd-store';
import { CodedError, isCodedError } from '@lade/errors';
import { SharedCalls } from '@lade/streams';
import type { ContentDigest } from './content-digest.ts';
import type { ContentFolder } from './content-folder.ts';
import type { ContentInfo } from './content-info.ts';
import { fieldOf, type ContentTable } from './content-table.ts';
import { fetchContent } from './fetch-content.ts';
import { OpenBlobs, type ContentBlob } from './open-blobs.ts';

/** Content that this node lacks but other nodes have brought into the bucket. */
export interface OtherContent {
  /** What is known at once; looks for more behind the scenes. */
  find(digest: ContentDigest): ContentInfo | undefined;
  /** The bucket has turned out to have it damaged, or not at all. */
  isUnusable(digest: ContentDigest): void;
}

export interface ContentStoreParts {
  readonly folder: ContentFolder;
  readonly table: ContentTable;
  readonly bucket: Bucket;
  readonly others: OtherContent;
  /** A file more is here, which the bucket has too. */
  readonly fetched: () => void;
}

/** OCI content of this node, as containerd's content.Store sees it. All but open() answers from local state. */
export class ContentStore implements Disposable {
  readonly #blobs = new OpenBlobs();
  readonly #parts: ContentStoreParts;
  readonly #fetches = new SharedCalls<void>();

  constructor(parts: ContentStoreParts) {
    this.#parts = parts;
  }

  /** Throws `not_found`. */
  info(digest: ContentDigest): ContentInfo {
    const info = this.#parts.table.listed(digest) ?? this.#parts.others.find(digest);
    if (info) return info;
    throw new CodedError('not_found', `Cannot find content ${digest}: this node does not have it`);
  }

  /** Changes labels as {@link updateLabels} says. Throws `not_found`, `invalid_argument`. */
  update(digest: ContentDigest, labels: Labels, fieldPaths: readonly string[]): ContentInfo {
    const info = this.#listed(digest);
    return this.#parts.table.setLabels(
      info,
      updateLabels(info.labels, labels, fieldPaths, `content ${digest}`),
    );
  }

  /** What this node was told about, never what only the bucket has. Throws `invalid_argument` for a bad filter, at once. */
  walk(filters: readonly string[]): Iterable<ContentInfo> {
    const parsed = parseFilters(filters);
    return this.#parts.table.walk().filter((info) => matchesFilters(parsed, (path) => fieldOf(info, path)));
  }

  /** Forgets content on this node, never in the bucket. Throws `not_found`. */
  delete(digest: ContentDigest): void {
    this.#listed(digest);
    this.#blobs.forget(digest);
    if (this.#parts.table.forget(digest)) this.#parts.folder.remove(this.#parts.folder.blobPath(digest));
  }

  /**
   * From this node's disk; what is not there is brought from the bucket and checked first, as a whole. Throws `not_found`,
   * `data_loss` for content that was here and can be had nowhere, or is damaged in the bucket.
   */
  async open(digest: ContentDigest, options: { readonly signal?: AbortSignal } = {}): Promise<ContentBlob> {
    const { sizeBytes } = this.info(digest);
    const here = await this.#openHere(digest, sizeBytes);
    if (here) return here;
    await this.#fetches.run(digest, async (signal) => this.#fetch(digest, signal), options);
    const fetched = await this.#openHere(digest, sizeBytes);
    if (fetched) return fetched;
    throw new CodedError('not_found', `Cannot read content ${digest}: it was deleted meanwhile`);
  }

  [Symbol.dispose](): void {
    this.#blobs[Symbol.dispose]();
  }

  #listed(digest: ContentDigest): ContentInfo {
    const info = this.#parts.table.listed(digest);
    if (info) return info;
    throw new CodedError('not_found', `Cannot find content ${digest}: this node does not have it`);
  }

  async #openHere(digest: ContentDigest, sizeBytes: number): Promise<ContentBlob | undefined> {
    return this.#blobs.open(digest, this.#parts.folder.blobPath(digest), sizeBytes);
  }

  async #fetch(digest: ContentDigest, signal: AbortSignal): Promise<void> {
    const { folder, table, bucket, others, fetched: tell } = this.#parts;
    const path = folder.fetchPath();
    try {
      const sizeBytes = await fetchContent(digest, path, { bucket, signal });
      const listed = table.listed(digest);
      folder.place(path, digest);
      this.#blobs.forget(digest);
      if (!listed) table.add(digest, { sizeBytes, labels: {}, upload: false });
      tell();
    } catch (reason) {
      folder.remove(path);
      const isLacking = isCodedError(reason, 'not_found');
      if (isLacking || isCodedError(reason, 'data_loss')) others.isUnusable(digest);
      throw isLacking ? lost(digest, reason) : reason;
    }
  }
}

function lost(digest: ContentDigest, cause: unknown): CodedError {
  return new CodedError(
    'data_loss',
    `Cannot read content ${digest}: neither this node nor the bucket has its bytes`,
    {
      cause,
      cure: 'Remove the image, and pull it from its registry once more',
    },
  );
}
