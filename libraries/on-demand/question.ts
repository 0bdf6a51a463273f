import type { BlockBits } from '@lade/block-bits';

/** A range of a file, in bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** What the kernel wants to know before somebody can go on. */
export interface Question extends ByteRange {
  /** By which it is answered: the number of an event descriptor, or a FUSE request's unique id. */
  readonly id: bigint;
  /** FUSE's opcode. */
  readonly operation: number;
  readonly file: FileKey;
  /** The process or thread that reads; 0: it cannot be told. */
  readonly pid: number;
}

/** How the kernel names a file. */
export interface FileKey {
  readonly device: number;
  readonly inode: number;
}

/** Of a question whose file can no longer be told. */
export const ANY_FILE: FileKey = { device: 0, inode: 0 };

export function isAnyFile(key: FileKey): boolean {
  return key.device === ANY_FILE.device && key.inode === ANY_FILE.inode;
}

/** A file as the answering thread knows it. */
export interface ServedFile {
  readonly number: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly bits: BlockBits;
}

/** One kernel interface that asks questions: what differs between fanotify and FUSE. */
export interface QuestionSource {
  readonly device: number;
  /** The most questions that one `read` gives. */
  readonly maxQuestions: number;
  /** False until certain inherited questions are answered. */
  readonly mayRead: boolean;
  /** Fills the zeroed inbox; false when there was nothing to read after all. */
  read(inbox: Buffer): boolean;
  /** The questions in the inbox. Each is taken out of it when the next one is asked for. */
  takeAll(inbox: Buffer, origin: 'read' | 'inherited'): Iterable<Question>;
  /** Called when everything that the question needs is resident; false if it no longer was. No file: for a question about any. */
  answer(question: Question, file?: ServedFile): boolean;
  /** Gives the reader EIO, or tells it that there is no such file. */
  refuse(question: Question): void;
  /** Gives back what goes with the question, after its answer. */
  release(question: Question): void;
  forget(file: ServedFile): void;
}
