import type { BlockBits } from '@lade/block-bits';

/** A range of a file that somebody reads, in bytes. */
export interface FileRead {
  readonly offset: number;
  readonly length: number;
  /** The control group of whoever reads, such as /default/name; '' where that cannot be told. */
  readonly reader: string;
}

/** One blob, as the side that answers the kernel sees it. */
export interface OnDemandFile {
  /** Names the blob on this node for ever: the layer's number, and the inode where there is one. */
  readonly number: number;
  /** The real file; opening it raises no question. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly bits: BlockBits;
  /**
   * Resolves when every block of the range is resident; rejects, and then that reader gets EIO. Never called for what is
   * resident. Ranges are cut to the file.
   */
  fill(offset: number, length: number, reader: string): Promise<void>;
  /** What was resident when it was asked for; told some time after the answer. */
  read(read: FileRead & { readonly requests: number }): void;
  /** A marked block was reached at this offset; no answer is waited for. */
  reached(offset: number): void;
}

/** Puts the kernel's questions about blobs to their owner (libraries/on-demand). */
export interface OnDemandFiles extends AsyncDisposable {
  readonly kind: 'fanotify' | 'fuse';
  /** Starts to serve a file; returns the path through which the kernel must open it. Idempotent per number. */
  serve(file: OnDemandFile): Promise<string>;
  /** Every file that a mount may have open is served; what nobody serves from now on is an error for its readers. */
  allServed(): void;
  /** Whole: no more questions about the file. Not whole: again a question before every read. */
  setWhole(number: number, whole: boolean): Promise<void>;
  /** Resolves when the kernel has read all that it was allowed to read before the call. Rejects when aborted. */
  drained(options: { readonly signal: AbortSignal }): Promise<void>;
  /** No mount uses the file any more. */
  forget(number: number): Promise<void>;
}
