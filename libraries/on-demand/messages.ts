import type { ByteRange, FileKey } from './question.ts';

/** What the answering thread is started with. */
export interface AnsweringOptions {
  readonly kind: 'fanotify' | 'fuse';
  /** The fanotify group, or /dev/fuse. */
  readonly device: number;
  readonly journal: number;
  /** Signalled after each message. */
  readonly wake: number;
  /** fanotify only: numbers of inherited events that something else in this process has, too. */
  readonly contested?: readonly number[];
  /** FUSE only. */
  readonly passthrough?: boolean;
  readonly onStep: string | undefined;
  /** The folder of the process's compile cache, where it has one. */
  readonly compileCache: string | undefined;
}

export type ToAnsweringThread =
  | ServeMessage
  | { readonly type: 'forget'; readonly number: number }
  /** How the fill for the question in this slot went. */
  | { readonly type: 'filled'; readonly slot: number; readonly ok: boolean }
  | { readonly type: 'all-served' }
  /** Tell what was read, some time after `reading`: a timer of its own would cost each question something. */
  | { readonly type: 'tell' }
  /** To be answered between two questions. */
  | { readonly type: 'settle' }
  /** End when nothing is under way. */
  | { readonly type: 'stop' }
  /** End now. */
  | { readonly type: 'abandon' };

export interface ServeMessage {
  readonly type: 'serve';
  readonly keys: readonly FileKey[];
  readonly number: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly bits: SharedArrayBuffer;
}

export type FromAnsweringThread =
  | { readonly type: 'ready' }
  /** Every answer that was begun before the oldest open `settle` is given. */
  | { readonly type: 'settled' }
  | ({
      readonly type: 'fill';
      readonly slot: number;
      readonly number: number;
      readonly reader: string;
    } & ByteRange)
  /** The same for every file: which one it is about cannot be told. */
  | ({ readonly type: 'fill-all'; readonly slot: number } & ByteRange)
  | { readonly type: 'reached'; readonly number: number; readonly offset: number }
  /** There are reads to be told. */
  | { readonly type: 'reading' }
  /** Reads that were answered at once, some time after it. */
  | { readonly type: 'read'; readonly readings: readonly Reading[] };

/** Reads of one file by one reader that go on where the one before ended. */
export interface Reading {
  readonly number: number;
  readonly reader: string;
  readonly offset: number;
  length: number;
  requests: number;
}
