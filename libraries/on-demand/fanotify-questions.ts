import { closeSync, fstatSync, readSync } from 'node:fs';
import { answerFanotifyEvent, clearFanotifyEvent, decodeFanotifyEvents, MIN_EVENT_BYTES } from '@lade/linux';
import { isErrno } from './is-errno.ts';
import { ANY_FILE, type Question, type QuestionSource, type ServedFile } from './question.ts';

/** As much of the inbox as one read uses, so that few free slots suffice for all that it may bring. */
const BATCH_BYTES = 4096;

/** A fanotify group: each reader of a file behind a watched mount waits until its range is there. */
export class FanotifyQuestions implements QuestionSource {
  readonly device: number;
  readonly maxQuestions = Math.floor(BATCH_BYTES / MIN_EVENT_BYTES);
  /** Numbers that are not ours to close, and that a new event must not get as long as their questions wait. */
  readonly #contested: Set<number>;

  constructor(group: number, contested: readonly number[]) {
    this.device = group;
    this.#contested = new Set(contested);
  }

  get mayRead(): boolean {
    return this.#contested.size === 0;
  }

  read(inbox: Buffer): boolean {
    try {
      return readSync(this.device, inbox, 0, BATCH_BYTES, null) > 0;
    } catch (reason) {
      if (isErrno(reason, 'EAGAIN', 'EINTR')) return false; // the reader was killed, and its question with it
      throw reason;
    }
  }

  /** The descriptors of inherited events died with their process, and which files they were with them. */
  *takeAll(inbox: Buffer, origin: 'read' | 'inherited'): Generator<Question> {
    for (const { at, fd, pid, offset, length } of decodeFanotifyEvents(inbox)) {
      if (fd < 0) continue; // answered before, or an overflow, which an unlimited queue does not have
      const file = origin === 'read' ? keyOf(fstatSync(fd)) : ANY_FILE;
      yield { id: BigInt(fd), operation: 0, file, pid, offset, length };
      clearFanotifyEvent(inbox, at);
    }
    inbox.fill(0);
  }

  answer(question: Question, file?: ServedFile): boolean {
    this.#write(question, file && isCutShort(question, file) ? 'deny' : 'allow');
    return true;
  }

  refuse(question: Question): void {
    this.#write(question, 'deny');
  }

  release({ id }: Question): void {
    const number = Number(id);
    if (!this.#contested.delete(number)) closeSync(number);
  }

  forget(): void {
    // nothing is kept per file
  }

  #write({ id }: Question, answer: 'allow' | 'deny'): void {
    try {
      answerFanotifyEvent(this.device, Number(id), answer);
    } catch (reason) {
      if (!isErrno(reason, 'ENOENT')) throw reason; // answered before, by a process that died right afterwards
    }
  }
}

/** Behind our back: it would be read as zeros. In an inherited question, the descriptor is only a place holder. */
function isCutShort({ id, file, offset, length }: Question, { sizeBytes }: ServedFile): boolean {
  const { dev, ino, size } = fstatSync(Number(id));
  return dev === file.device && ino === file.inode && size < Math.min(offset + length, sizeBytes);
}

export function keyOf({ dev, ino }: { readonly dev: number; readonly ino: number }): Question['file'] {
  return { device: dev, inode: ino };
}
