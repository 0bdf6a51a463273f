import { CodedError } from '@lade/errors';
import { createSharedMemory, mapSharedMemory } from '@lade/linux';
import { ASKED, INBOX_AT, JOURNAL_BYTES, SLOT_BYTES, SLOTS_AT } from './journal-layout.ts';
import type { Question } from './question.ts';

/** Memory for a journal, as a descriptor. Whoever keeps it open across a crash keeps the questions that wait in it. */
export function createJournal(): number {
  return createSharedMemory('lade-journal', JOURNAL_BYTES);
}

/**
 * The questions that were read from the kernel and not answered yet, in memory that survives this process. What the kernel
 * tells goes straight into `inbox`, from there into a slot unless it is answered at once; a slot is freed after the answer.
 * So each unanswered question is in the inbox or in a slot at any moment, or in both.
 */
export class Journal {
  readonly inbox: Buffer;
  readonly #header: BigUint64Array;
  readonly #slots: Buffer;
  readonly #states: Int32Array;
  readonly #free: number[] = [];

  constructor(descriptor: number) {
    const memory = mapSharedMemory(descriptor);
    if (memory.length < SLOTS_AT + SLOT_BYTES)
      throw new CodedError('invalid_argument', `Cannot use descriptor ${descriptor} as a journal: too small`);
    this.inbox = memory.subarray(INBOX_AT, SLOTS_AT);
    this.#slots = memory.subarray(SLOTS_AT);
    this.#header = new BigUint64Array(memory.buffer, memory.byteOffset, 1);
    this.#states = new Int32Array(memory.buffer, memory.byteOffset + SLOTS_AT, this.#slots.length / 4);
    for (let slot = Math.floor(this.#slots.length / SLOT_BYTES) - 1; slot >= 0; slot -= 1)
      if (!this.#isAsked(slot)) this.#free.push(slot);
  }

  get freeSlots(): number {
    return this.#free.length;
  }

  get agreed(): bigint {
    return Atomics.load(this.#header, 0);
  }

  set agreed(flags: bigint) {
    Atomics.store(this.#header, 0, flags);
  }

  /** Writes a question down; returns its slot. There must be a free one. */
  add({ id, operation, file, offset, length }: Question): number {
    const slot = this.#free.pop();
    if (slot === undefined) throw new CodedError('internal', 'Cannot write a question down: no free slot');
    const at = slot * SLOT_BYTES;
    this.#slots.writeUInt32LE(operation, at + 4);
    this.#slots.writeBigUInt64LE(id, at + 8);
    [file.device, file.inode, offset, length].forEach((value, index) =>
      this.#slots.writeBigUInt64LE(BigInt(value), at + 16 + 8 * index),
    );
    Atomics.store(this.#states, at / 4, ASKED);
    return slot;
  }

  remove(slot: number): void {
    Atomics.store(this.#states, (slot * SLOT_BYTES) / 4, 0);
    this.#free.push(slot);
  }

  /** Slots in use, with what is in them. */
  *asked(): Generator<readonly [slot: number, question: Question]> {
    for (let slot = 0; (slot + 1) * SLOT_BYTES <= this.#slots.length; slot += 1)
      if (this.#isAsked(slot)) yield [slot, this.#read(slot * SLOT_BYTES)];
  }

  #isAsked(slot: number): boolean {
    return Atomics.load(this.#states, (slot * SLOT_BYTES) / 4) === ASKED;
  }

  #read(at: number): Question {
    const number = (index: number): number => Number(this.#slots.readBigUInt64LE(at + 16 + 8 * index));
    return {
      id: this.#slots.readBigUInt64LE(at + 8),
      operation: this.#slots.readUInt32LE(at + 4),
      file: { device: number(0), inode: number(1) },
      pid: 0, // not written down: the layout is also another release's
      offset: number(2),
      length: number(3),
    };
  }
}
