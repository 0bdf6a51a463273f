import type {
  BucketContents,
  BucketHistory,
  BucketObjects,
  GarbageEvent,
  GarbageRequest,
} from '@lade/control-protocol';

interface WaitOptions {
  readonly signal: AbortSignal;
}

/** What can be asked of the bucket itself. */
export interface BucketWork {
  /** By kind, at most a minute old. */
  contents(options: WaitOptions): Promise<BucketContents>;
  /** Steps since then, or all that are kept. */
  history(query: { readonly step: BucketHistory['step']; readonly since: Date | undefined }): BucketHistory;
  /** A page. */
  objects(
    page: { readonly prefix: string; readonly after: string | undefined },
    options: WaitOptions,
  ): Promise<BucketObjects>;
  collectGarbage(request: GarbageRequest, options: WaitOptions): AsyncIterable<GarbageEvent>;
  /** Has the bucket forget an image; what only that needed is garbage then. Throws `not_found`. */
  removeImage(image: string, options: WaitOptions): Promise<void>;
}
