import { BlockBits } from '@lade/block-bits';
import { clearEvent, waitReadable } from '@lade/linux';
import type { Journal } from './journal.ts';
import type { FromAnsweringThread, ServeMessage, ToAnsweringThread } from './messages.ts';
import { Readers } from './readers.ts';
import { Readings } from './readings.ts';
import { isAnyFile, type FileKey, type Question, type QuestionSource, type ServedFile } from './question.ts';
import type { OnStep } from './step.ts';

export interface AnswerLoopPorts {
  readonly source: QuestionSource;
  readonly journal: Journal;
  /** An event descriptor, signalled after each message to this thread. */
  readonly wake: number;
  receive(): ToAnsweringThread | undefined;
  send(message: FromAnsweringThread): void;
  readonly onStep: OnStep;
}

/** Answers the kernel's questions: what is resident at once, the rest when the main thread has filled it. Blocks its thread. */
export class AnswerLoop {
  readonly #ports: AnswerLoopPorts;
  readonly #files = new Map<string, ServedFile>();
  /** Wait for their file to be served, by slot. */
  readonly #parked = new Map<number, Question>();
  /** Wait for the main thread, by slot. */
  readonly #asked = new Map<number, Question>();
  readonly #readers = new Readers();
  readonly #readings: Readings;
  #allServed = false;
  #state: 'serving' | 'stopping' | 'abandoned' = 'serving';

  constructor(ports: AnswerLoopPorts) {
    this.#ports = ports;
    this.#readings = new Readings({
      begun: () => ports.send({ type: 'reading' }),
      tell: (readings) => ports.send({ type: 'read', readings }),
    });
  }

  /** Returns after `stop` or `abandon`; questions that nobody has answered stay in the journal. */
  run(): void {
    const { source, journal, wake } = this.#ports;
    this.#recover();
    this.#ports.send({ type: 'ready' });
    while (this.#goesOn()) {
      const mayRead = this.#state === 'serving' && source.mayRead && journal.freeSlots >= source.maxQuestions;
      const [woken, readable] = waitReadable(mayRead ? [wake, source.device] : [wake]);
      if (woken !== 'idle') {
        clearEvent(wake);
        this.#takeMessages();
      }
      if (this.#state === 'serving' && readable !== undefined && readable !== 'idle') this.#takeQuestions();
    }
    for (const { number } of this.#files.values()) this.#forget(number);
    for (const question of this.#parked.values()) source.release(question);
  }

  #goesOn(): boolean {
    return this.#state === 'serving' || (this.#state === 'stopping' && this.#asked.size > 0);
  }

  /** Takes over what an earlier process has left unanswered. */
  #recover(): void {
    const { source, journal } = this.#ports;
    const known = new Set<bigint>();
    for (const [slot, question] of journal.asked()) {
      known.add(question.id);
      this.#parked.set(slot, question);
    }
    for (const question of source.takeAll(journal.inbox, 'inherited'))
      if (!known.has(question.id)) this.#parked.set(journal.add(question), question);
  }

  #takeMessages(): void {
    for (;;) {
      const message = this.#ports.receive();
      if (message === undefined) return;
      this.#take(message);
    }
  }

  #take(message: ToAnsweringThread): void {
    switch (message.type) {
      case 'serve':
        return this.#serve(message);
      case 'forget':
        return this.#forget(message.number);
      case 'filled':
        return this.#takeFilled(message.slot, message.ok);
      case 'all-served':
        this.#allServed = true;
        return this.#reconsiderParked(() => true);
      case 'tell':
        return this.#readings.flush();
      case 'settle':
        return this.#ports.send({ type: 'settled' });
      case 'stop':
        this.#state = 'stopping';
        return;
      case 'abandon':
        this.#state = 'abandoned';
    }
  }

  #serve({ number, path, sizeBytes, bits, keys }: ServeMessage): void {
    const file = { number, path, sizeBytes, bits: new BlockBits(sizeBytes, bits) };
    for (const key of keys) this.#files.set(text(key), file);
    this.#reconsiderParked((question) => this.#files.get(text(question.file)) === file);
  }

  #forget(number: number): void {
    for (const [key, file] of this.#files) {
      if (file.number !== number) continue;
      this.#files.delete(key);
      this.#ports.source.forget(file);
    }
  }

  #takeFilled(slot: number, ok: boolean): void {
    const question = this.#asked.get(slot);
    if (question === undefined) return;
    this.#asked.delete(slot);
    this.#ports.onStep('filled');
    if (!ok) this.#refuse(question, slot);
    else if (isAnyFile(question.file)) this.#answerAny(question, slot);
    else this.#considerJournaled(slot, question);
  }

  #takeQuestions(): void {
    const { source, journal, onStep } = this.#ports;
    if (!source.read(journal.inbox)) return;
    onStep('read');
    this.#takeMessages(); // the questions may be about files that were served since the last time
    for (const question of source.takeAll(journal.inbox, 'read')) this.#consider(question);
  }

  #consider(question: Question): void {
    const { journal, onStep } = this.#ports;
    const file = this.#files.get(text(question.file));
    if (file === undefined && this.#allServed) return this.#refuse(question);
    if (file !== undefined && this.#answerAtOnce(question, file)) return;
    const slot = journal.add(question);
    onStep('journaled');
    if (file === undefined) this.#parked.set(slot, question);
    else this.#ask(slot, question, file);
  }

  #considerJournaled(slot: number, question: Question): void {
    const file = this.#files.get(text(question.file));
    if (file === undefined) this.#refuse(question, slot);
    else if (!this.#answerResident(question, file, slot)) this.#ask(slot, question, file);
  }

  #answerAtOnce(question: Question, file: ServedFile): boolean {
    const { offset, pid } = question;
    const length = Math.min(question.length, file.sizeBytes - offset);
    // Before the answer: afterwards it may be gone.
    const reader = length > 0 ? this.#readers.readerOf(pid) : '';
    if (!this.#answerResident(question, file)) return false;
    if (length > 0) this.#readings.add(file.number, offset, length, reader);
    return true;
  }

  /** `touched` before `resident` is looked at: who drops a block does it the other way round, so one of us sees the other. */
  #answerResident(question: Question, file: ServedFile, slot?: number): boolean {
    const { bits, number } = file;
    const [start, end] = [question.offset, question.offset + question.length];
    bits.touched.set(start, end);
    for (const offset of bits.markers.take(start, end)) this.#ports.send({ type: 'reached', number, offset });
    if (!bits.resident.hasAll(start, end) || !this.#ports.source.answer(question, file)) return false;
    this.#close(question, slot);
    return true;
  }

  #ask(slot: number, question: Question, { number, sizeBytes }: ServedFile): void {
    const { offset, pid } = question;
    const length = Math.min(question.length, sizeBytes - offset);
    const reader = this.#readers.readerOf(pid);
    this.#asked.set(slot, question);
    this.#ports.send({ type: 'fill', slot, number, offset, length, reader });
    this.#ports.onStep('asked');
  }

  #reconsiderParked(isMeant: (question: Question) => boolean): void {
    for (const [slot, question] of this.#parked) {
      if (!isMeant(question)) continue;
      this.#parked.delete(slot);
      if (isAnyFile(question.file)) this.#askAll(slot, question);
      else this.#considerJournaled(slot, question);
    }
  }

  #askAll(slot: number, question: Question): void {
    this.#asked.set(slot, question);
    this.#ports.send({ type: 'fill-all', slot, offset: question.offset, length: question.length });
  }

  #answerAny(question: Question, slot: number): void {
    this.#ports.source.answer(question);
    this.#close(question, slot);
  }

  #refuse(question: Question, slot?: number): void {
    this.#ports.source.refuse(question);
    this.#close(question, slot);
  }

  /** The slot before the id: as long as the slot names it, it must not be given to another question. */
  #close(question: Question, slot: number | undefined): void {
    const { source, journal, onStep } = this.#ports;
    onStep('answered');
    if (slot !== undefined) journal.remove(slot);
    onStep('freed');
    source.release(question);
  }
}

function text({ device, inode }: FileKey): string {
  return `${device}:${inode}`;
}
