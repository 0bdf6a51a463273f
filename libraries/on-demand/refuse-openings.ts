import { readSync, writeSync } from 'node:fs';
import { constants as os } from 'node:os';
import { decodeRequest, encodeReplyHead, OPCODE, REPLY_HEAD_BYTES } from './fuse-protocol.ts';
import { isErrno } from './is-errno.ts';
import { ASKED, INBOX_AT, JOURNAL_BYTES, SLOT_BYTES, SLOTS_AT } from './journal-layout.ts';

/** What nobody asks but the process that serves, when it has EROFS open a file. */
const OPENINGS: readonly number[] = [
  OPCODE.lookup,
  OPCODE.getattr,
  OPCODE.open,
  OPCODE.statfs,
  OPCODE.access,
];

/**
 * For whoever else has FUSE device and journal open, about a process that was killed while it opened a file of its own: it
 * has read the question itself, and cannot end before somebody answers. Refuses what it asked; readers go on to wait.
 */
export function refuseOpenings(device: number, journal: number): void {
  const memory = Buffer.alloc(JOURNAL_BYTES);
  readSync(journal, memory, 0, JOURNAL_BYTES, 0);
  for (const { operation, id } of questionsIn(memory)) if (OPENINGS.includes(operation)) refuse(device, id);
}

function* questionsIn(
  memory: Buffer,
): Generator<{ readonly operation: number; readonly id: bigint }, undefined> {
  const request = decodeRequest(memory.subarray(INBOX_AT, SLOTS_AT));
  if (request) yield { operation: request.opcode, id: request.id };
  for (let at = SLOTS_AT; at + SLOT_BYTES <= memory.length; at += SLOT_BYTES)
    if (memory.readUInt32LE(at) === ASKED)
      yield { operation: memory.readUInt32LE(at + 4), id: memory.readBigUInt64LE(at + 8) };
}

function refuse(device: number, id: bigint): void {
  try {
    writeSync(device, encodeReplyHead(Buffer.alloc(REPLY_HEAD_BYTES), id, 0, os.errno.EIO));
  } catch (reason) {
    if (!isErrno(reason, 'ENOENT')) throw reason; // answered before
  }
}
