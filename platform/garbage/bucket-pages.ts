import type { Bucket, ObjectInfo } from '@lade/bucket';
import { SharedCalls } from '@lade/streams';
import { addObject, inOrderOfSize, type KindSize, type KindSizes } from './kind-sizes.ts';

const MAX_AGE_MS = 60_000;
const PAGE_OBJECTS = 1_000;

export interface BucketContents {
  readonly listedAt: Date;
  /** Those that there are, the largest first. */
  readonly kinds: readonly KindSize[];
}

/** What is in a bucket, by kind. The bucket is listed once for all who ask at the same time, and at most once a minute. */
export class BucketSummary {
  readonly #bucket: Bucket;
  readonly #listings = new SharedCalls<void>();
  #contents: BucketContents | undefined;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  async read(options: { readonly signal: AbortSignal }): Promise<BucketContents> {
    for (;;) {
      const contents = this.#contents;
      if (contents && Date.now() - contents.listedAt.getTime() < MAX_AGE_MS) return contents;
      await this.#listings.run('all', async (signal) => this.#list(signal), options);
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const listedAt = new Date();
    const kinds: KindSizes = new Map();
    for await (const { key, sizeBytes } of this.#bucket.list('', { signal }))
      addObject(kinds, key, sizeBytes);
    this.#contents = { listedAt, kinds: inOrderOfSize(kinds) };
  }
}

export interface ObjectsPage {
  readonly objects: readonly ObjectInfo[];
  /** Comes last on this page; undefined on the last one. */
  readonly next: string | undefined;
}

/** At most 1,000 objects whose key starts with `prefix` and comes after `after`. */
export async function readObjectsPage(
  bucket: Bucket,
  {
    prefix,
    after,
    signal,
  }: { readonly prefix: string; readonly after?: string | undefined; readonly signal: AbortSignal },
): Promise<ObjectsPage> {
  const objects: ObjectInfo[] = [];
  for await (const object of bucket.list(prefix, {
    signal,
    ...(after === undefined ? {} : { startAfter: after }),
  })) {
    if (objects.length === PAGE_OBJECTS) return { objects, next: objects.at(-1)?.key };
    objects.push(object);
  }
  return { objects, next: undefined };
}
