import type { ByteSource } from '@lade/streams';

export interface WaitOptions {
  readonly signal?: AbortSignal;
}

export interface PutOptions extends WaitOptions {
  /** Size of a streamed body, in bytes; required for one. */
  readonly sizeBytes?: number;
  /** `absent`: only if the key does not exist yet. `version`: only if the object still is that version. */
  readonly condition?: { readonly absent: true } | { readonly version: string };
}

export interface RangeOptions extends WaitOptions {
  /** First byte; must lie inside the object unless it is 0. Default 0. */
  readonly offset?: number;
  /** Most bytes to read; cut at the object's end. Default: to the end. */
  readonly length?: number;
}

export interface ListOptions extends WaitOptions {
  readonly startAfter?: string;
}

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Opaque; changes whenever the bytes do. A store may keep it when a put brings the same bytes again. */
  readonly version: string;
  readonly modifiedAt: Date;
}

export interface ObjectBody {
  /** Of the whole object. */
  readonly sizeBytes: number;
  readonly version: string;
  /**
   * The range asked for, whole: a connection that ends early makes it throw `unavailable`, an object replaced before it
   * was read may make it throw `aborted`. Iterate it once, and soon: a connection left unread for 15 s is dropped.
   */
  readonly body: ByteSource;
}

/**
 * `atomic`: of several conditional puts of a key one at a time is let through. `emulated`: the store knows no conditions,
 * so the object is looked at before it is put, and of two puts at the same time both may win.
 */
export type ConditionalPuts = 'atomic' | 'emulated';

/**
 * An object store. Keys are 1–1024 bytes of UTF-8: segments joined by `/`, none of them empty, `.` or `..`, without
 * control characters (`invalid_argument`); no key may be the folder of another. All errors are coded and name bucket
 * and key; a bucket in trouble is `unavailable`, `deadline_exceeded`, `resource_exhausted`, `permission_denied` or
 * `unauthenticated`. An aborted signal ends every wait with its reason.
 */
export interface Bucket extends AsyncDisposable {
  /** Where it is, without credentials. */
  readonly location: string;
  /**
   * Stores an object, whole or not at all: readers see what was there before, or all of it. Throws `already_exists` or
   * `failed_precondition` when the condition fails, `aborted` when it met another put on its way (try again), and
   * `invalid_argument` when the body has not `sizeBytes` bytes; what the body itself throws keeps its class. After a lost
   * connection a condition may fail because of this very put.
   */
  put(
    key: string,
    body: Uint8Array | ByteSource,
    options?: PutOptions,
  ): Promise<{ readonly version: string }>;
  /** Throws `not_found`, or `out_of_range` for an offset beyond the object. */
  get(key: string, options?: RangeOptions): Promise<ObjectBody>;
  /** Throws `not_found`. */
  head(key: string, options?: WaitOptions): Promise<ObjectInfo>;
  /** Objects whose key starts with `prefix` and comes after `startAfter`, in the order of their UTF-8 bytes. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;
  /** Deletes objects; one that is absent is fine. A failure may leave some of them deleted. */
  delete(keys: readonly string[], options?: WaitOptions): Promise<void>;
  /** What a condition is worth here; asks the store once. */
  conditionalPuts(options?: WaitOptions): Promise<ConditionalPuts>;
}
