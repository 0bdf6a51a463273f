import type { WaitOptions } from '../bucket.ts';
import type { Part } from './in-parts.ts';

/** An upload that is neither completed nor aborted. */
export interface OngoingUpload {
  /** As the store has it: with the prefix. */
  readonly key: string;
  readonly id: string;
  readonly begunAt: Date;
}

export interface StoredPart {
  readonly number: number;
  readonly sizeBytes: number;
  /** As the store says it. */
  readonly etag: string;
  readonly storedAt: Date;
}

/** Multipart uploads, as S3 and OBS know them. Throws coded errors; `details.name` is the store's own word. */
export interface PartStore {
  /** The first thousand whose key starts with `prefix`. */
  uploads(prefix: string, options: WaitOptions): Promise<readonly OngoingUpload[]>;
  begin(options: WaitOptions): Promise<OngoingUpload>;
  /** What is there of an upload, in order. */
  parts(upload: OngoingUpload, options: WaitOptions): Promise<readonly StoredPart[]>;
  /** The part's ETag. */
  send(upload: OngoingUpload, part: Part, options: WaitOptions): Promise<string>;
  /** Makes the parts of these ETags, from 1 on, the object; its version. */
  complete(upload: OngoingUpload, etags: readonly string[], options: WaitOptions): Promise<string>;
  abort(upload: OngoingUpload, options: WaitOptions): Promise<void>;
}
