import type { Descriptor, Digest } from '@lade/oci';
import { parseDigest } from '@lade/oci';
import { Content, type Info } from '@lade/protocol/content';
import { CodedError, isCodedError } from '@lade/errors';
import type { ByteSource } from '@lade/streams';
import type { Connection, RequestOptions } from './connection.ts';
import { ingestContent, type IngestOptions, type Ingested } from './ingest-content.ts';
import { writeContent } from './write-content.ts';
import { isOurs, present, toDate, type Labels } from './translate.ts';

export interface ContentInfo {
  readonly digest: Digest;
  readonly size: number;
  readonly createdAt: Date;
  /** 1970 in lists of containerd 1.7, which leaves it out. */
  readonly updatedAt: Date;
  readonly labels: Labels;
}

export interface ReadOptions extends RequestOptions {
  readonly offset?: number;
  /** Up to the end when left out. */
  readonly length?: number;
}

export interface PutOptions extends RequestOptions {
  /** Names the ingest, so that a later put of the same content goes on where this one stopped. */
  readonly ref?: string;
  /** Such as `containerd.io/gc.ref.content.0`, which keeps what it names as long as this content. */
  readonly labels?: Labels;
}

/** The same bytes from any offset on. */
export type ByteSourceFrom = (offset: number) => ByteSource;

/** The content store of one namespace. */
export class ContentClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Throws `not_found`. */
  async info(digest: Digest, options: RequestOptions = {}): Promise<ContentInfo> {
    const { info } = await this.#connection.call(Content.method.info, { digest }, options);
    return toInfo(present(info, `content ${digest}`));
  }

  /** Throws `not_found`; `out_of_range` when `offset` is past the end, or the content ends before `length` bytes. */
  async *read(
    digest: Digest,
    { offset = 0, length, ...options }: ReadOptions = {},
  ): AsyncGenerator<Uint8Array> {
    if (length === 0) return; // the wire has 0 for "all"
    const range = { offset: BigInt(offset), size: BigInt(length ?? 0) };
    let read = 0;
    for await (const { data } of this.#connection.stream(
      Content.method.read,
      { digest, ...range },
      options,
    )) {
      read += data.byteLength;
      yield data;
    }
    if (length !== undefined && read < length)
      throw new CodedError(
        'out_of_range',
        `Cannot read ${length} bytes at ${offset} of content ${digest}: it ends after ${read}`,
      );
  }

  /** All that match one of the filters, or all; content with a digest other than sha256 is left out. */
  async *list(filters: readonly string[] = [], options: RequestOptions = {}): AsyncGenerator<ContentInfo> {
    const answers = this.#connection.stream(Content.method.list, { filters: [...filters] }, options);
    for await (const { info } of answers) for (const each of info.filter(isOurs)) yield toInfo(each);
  }

  /**
   * Stores `bytes` unless containerd has them already; in both cases with the labels. An ingest that was broken off goes on
   * where it stopped: `bytes` is read from there, or from the start if it cannot be, the known part skipped. Nothing keeps new content from garbage
   * collection but a lease or a label elsewhere. Throws `failed_precondition` when size or digest turn out different,
   * `unavailable` when another one keeps writing under the same `ref` for more than ten seconds.
   */
  async put(
    descriptor: Descriptor,
    bytes: ByteSource | ByteSourceFrom,
    options: PutOptions = {},
  ): Promise<void> {
    try {
      await writeContent(this.#connection, descriptor, bytes, options);
    } catch (reason) {
      if (!isCodedError(reason, 'already_exists')) throw reason;
      if (options.labels) await this.setLabels(descriptor.digest, options.labels, options);
    }
  }

  /**
   * Stores bytes of which nothing is known before their end; what containerd has already gets those of the labels that it lacks. Throws
   * `unavailable` while another one writes under the same ref. An ingest that fails stays there, to be aborted or
   * begun again.
   */
  async ingest(bytes: ByteSource, options: IngestOptions): Promise<Ingested> {
    const { digest, size, isNew } = await ingestContent(this.#connection, bytes, options);
    const labels = (await options.labels?.()) ?? {};
    if (isNew || Object.keys(labels).length === 0) return { digest, size };
    const { labels: known } = await this.info(digest, options);
    const lacking = Object.entries(labels).filter(([key]) => !Object.hasOwn(known, key));
    if (lacking.length > 0) await this.setLabels(digest, Object.fromEntries(lacking), options);
    return { digest, size };
  }

  /** Drops what an ingest has written so far. Throws `not_found`. */
  async abort(ref: string, options: RequestOptions = {}): Promise<void> {
    await this.#connection.call(Content.method.abort, { ref }, options);
  }

  async delete(digest: Digest, options: RequestOptions = {}): Promise<void> {
    await this.#connection.call(Content.method.delete, { digest }, options);
  }

  /** Adds or replaces these labels and leaves all others; an empty value removes one. */
  async setLabels(digest: Digest, labels: Labels, options: RequestOptions = {}): Promise<ContentInfo> {
    const paths = Object.keys(labels).map((key) => `labels.${key}`);
    const request = { info: { digest, labels: { ...labels } }, updateMask: { paths } };
    const { info } = await this.#connection.call(Content.method.update, request, options);
    return toInfo(present(info, `content ${digest}`));
  }
}

function toInfo(info: Info): ContentInfo {
  return {
    digest: parseDigest(info.digest),
    size: Number(info.size),
    createdAt: toDate(info.createdAt),
    updatedAt: toDate(info.updatedAt),
    labels: { ...info.labels },
  };
}
