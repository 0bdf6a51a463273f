import { constants as fs, writeSync } from 'node:fs';
import { constants as os } from 'node:os';
import { callNow, cString, declare } from './libc.ts';

const fanotifyInit = declare('int fanotify_init(unsigned int, unsigned int)');
const fanotifyMark = declare('int fanotify_mark(int, unsigned int, uint64_t, int, const uint8_t *)');

// linux/fanotify.h
const INIT = {
  cloexec: 1,
  nonBlocking: 2,
  preContent: 8,
  unlimitedQueue: 0x10,
  unlimitedMarks: 0x20,
} as const;
const MARK = { add: 1, remove: 2, mount: 0x10, survivesModify: 0x40, ignore: 0x400 } as const;
const FAN_PRE_ACCESS = 0x0010_0000;
const FAN_ALLOW = 1;
const FAN_DENY = 2;
const RANGE_RECORD = 6;
const METADATA_BYTES = 24;
const AT_FDCWD = -100;
const O_LARGEFILE = 0o100_000;
const O_CLOEXEC = 0o2_000_000;

/** Somebody is about to read a range of a file, and waits for the answer. */
export interface FanotifyEvent {
  /** The file, opened for this process; also the name of the event when it is answered. */
  readonly fd: number;
  /** Who reads; 0 for a process that this one's PID namespace does not have. */
  readonly pid: number;
  readonly offset: number;
  readonly length: number;
}

/** No event is shorter, so that a buffer of n times as many bytes takes at most n events. */
export const MIN_EVENT_BYTES = METADATA_BYTES;

/**
 * fanotify_init(2): a group for pre-access events (Linux 6.14), read without waiting. Its descriptor is the caller's to
 * close; when the last copy is closed, every reader goes on.
 */
export function createFanotifyGroup(): number {
  const flags = INIT.cloexec | INIT.nonBlocking | INIT.preContent | INIT.unlimitedQueue | INIT.unlimitedMarks;
  return callNow(
    fanotifyInit,
    'Cannot create a fanotify group',
    flags,
    fs.O_RDONLY | O_LARGEFILE | O_CLOEXEC,
  );
}

/** From now on whoever reads a file that was opened through the mount at `path` waits for an answer. */
export function watchMount(group: number, path: string): void {
  mark(group, `Cannot watch ${path}`, MARK.add | MARK.mount, path);
}

/** No more events for the file at `path`, through whichever mount and whenever it was opened. */
export function ignoreFile(group: number, path: string): void {
  mark(group, `Cannot stop watching ${path}`, MARK.add | MARK.ignore | MARK.survivesModify, path);
}

/** Undoes `ignoreFile`. Throws `not_found` where there is nothing to undo. */
export function heedFile(group: number, path: string): void {
  mark(group, `Cannot watch ${path} again`, MARK.remove | MARK.ignore, path);
}

/**
 * The events in `bytes`, as read(2) from a group fills them, up to the first zero length. One without a range concerns the
 * whole file.
 *
 * | offset | size | meaning                                                            |
 * | ------ | ---- | ------------------------------------------------------------------ |
 * | 0      | 4    | length of the event with its records                               |
 * | 6      | 2    | length of this head, where the records start                       |
 * | 16     | 4    | descriptor, negative when there is none                            |
 * | 20     | 4    | process                                                            |
 * | 24     | …    | records: type (1), zero (1), length (2); a range: at 8 offset (8), at 16 length (8) |
 */
export function* decodeFanotifyEvents(bytes: Buffer): Generator<FanotifyEvent & { readonly at: number }> {
  for (let at = 0; at + METADATA_BYTES <= bytes.length;) {
    const end = at + bytes.readUInt32LE(at);
    if (end === at) return;
    const [fd, pid] = [bytes.readInt32LE(at + 16), bytes.readInt32LE(at + 20)];
    yield { at, fd, pid, ...decodeRange(bytes, at + bytes.readUInt16LE(at + 6), end) };
    at = end;
  }
}

/** So that `decodeFanotifyEvents` gives the event at `at` with a negative descriptor from now on. */
export function clearFanotifyEvent(bytes: Buffer, at: number): void {
  bytes.writeInt32LE(-1, at + 16);
}

/** Lets the reader go on, or gives it EIO. Throws ENOENT for an event that was answered before, as node:fs does. */
export function answerFanotifyEvent(group: number, fd: number, answer: 'allow' | 'deny'): void {
  const response = Buffer.alloc(8);
  response.writeInt32LE(fd, 0);
  response.writeUInt32LE(answer === 'allow' ? FAN_ALLOW : (FAN_DENY | (os.errno.EIO << 24)) >>> 0, 4);
  writeSync(group, response);
}

function mark(group: number, attempted: string, flags: number, path: string): void {
  callNow(fanotifyMark, attempted, group, flags, FAN_PRE_ACCESS, AT_FDCWD, cString(path));
}

function decodeRange(bytes: Buffer, start: number, end: number): { offset: number; length: number } {
  for (let at = start; at < end; at += bytes.readUInt16LE(at + 2)) {
    if (bytes[at] !== RANGE_RECORD) continue;
    return { offset: Number(bytes.readBigUInt64LE(at + 8)), length: Number(bytes.readBigUInt64LE(at + 16)) };
  }
  return { offset: 0, length: Number.MAX_SAFE_INTEGER };
}
