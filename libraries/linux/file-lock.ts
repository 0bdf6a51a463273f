import { closeSync, ftruncateSync, openSync, readFileSync, writeSync, constants } from 'node:fs';
import { CodedError, isCodedError, wrapError } from '@lade/errors';
import { callNow, declare } from './libc.ts';

const flock = declare('int flock(int, int)');
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes flock(2) on `path`, made if need be, until the result is disposed or the process ends, however it ends. The file
 * stays and holds the pid of its last owner. Throws `failed_precondition` naming that pid when another one holds it.
 */
export function lockFile(path: string): Disposable {
  const descriptor = openLockFile(path);
  try {
    callNow(flock, `Cannot lock ${path}`, descriptor, LOCK_EX | LOCK_NB);
    ftruncateSync(descriptor);
    writeSync(descriptor, `${process.pid}\n`);
    return new FileLock(descriptor);
  } catch (reason) {
    closeSync(descriptor);
    if (isCodedError(reason) && reason.details['errno'] === 'EAGAIN') throw heldElsewhere(path);
    throw reason;
  }
}

class FileLock implements Disposable {
  #descriptor: number | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function openLockFile(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (reason) {
    throw wrapError(reason, `Cannot lock ${path}`);
  }
}

function heldElsewhere(path: string): CodedError {
  const pid = Number.parseInt(readFileSync(path, 'latin1'), 10);
  const holder = Number.isNaN(pid) ? 'another process' : `process ${pid}`;
  return new CodedError('failed_precondition', `Cannot lock ${path}: held by another process (${holder})`, {
    cure: `Stop ${holder}, or use another folder`,
    details: { pid },
  });
}
