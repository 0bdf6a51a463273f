import type { BlockBits } from '@lade/block-bits';

/** A range of a file that somebody reads, in bytes. */
export interface FileRead {
  readonly offset: number;
  readonly length: number;
  /** The control group of whoever reads, such as /default/name; '' where that cannot be told. */
  readonly reader: string;
}

/** A file whose bytes come when somebody reads them. */
export interface OnDemandFile {
  /** Unique for ever among the files that one journal and its kernel side have served. */
  readonly number: number;
  /** Where it is, past all watching. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly bits: BlockBits;
  /** Resolves when every block of the range is resident; when it rejects, that reader gets EIO. */
  fill(offset: number, length: number, reader: string): Promise<void>;
  /** What was resident when it was asked for; told some time after the answer. */
  read(read: FileRead & { readonly requests: number }): void;
  /** A marked block was reached at this offset; nobody waits for an answer. */
  reached(offset: number): void;
}

/** The kernel's side of files on demand: whoever reads what is not resident waits until it is. */
export interface OnDemandFiles extends AsyncDisposable {
  readonly kind: 'fanotify' | 'fuse';
  /** Starts to serve a file; returns the path through which it must be opened. The same again for a number served already. */
  serve(file: OnDemandFile): Promise<string>;
  /**
   * Every file that anybody may still have open is served. Until then who reads an unknown file waits for it to be served;
   * from then on EIO is the answer, for what an unknown file holds may be a hole.
   */
  allServed(): void;
  /** The file is whole: no questions about it any more. False undoes it, to be awaited before any block is dropped. */
  setWhole(number: number, whole: boolean): Promise<void>;
  /** Resolves when the kernel has read all that it was allowed to read before the call. Rejects when aborted. */
  drained(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Nobody has the file open any more. */
  forget(number: number): Promise<void>;
}
