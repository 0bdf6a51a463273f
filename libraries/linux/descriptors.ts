import { closeSync, openSync } from 'node:fs';
import { CodedError } from '@lade/errors';
import { callNow, declare } from './libc.ts';

const fcntl = declare('int fcntl(int, int, int)');
const F_DUPFD_CLOEXEC = 1030;

/**
 * Takes each of the descriptor numbers, so that the kernel gives it to nothing else until the caller closes it. Throws
 * `failed_precondition` when one is in use; then none is taken.
 */
export function reserveDescriptors(numbers: readonly number[]): void {
  const taken: number[] = [];
  const nothing = openAbove(Math.max(0, ...numbers));
  try {
    for (const number of numbers) {
      taken.push(duplicate(nothing, number));
      if (taken.at(-1) !== number)
        throw new CodedError('failed_precondition', `Cannot reserve descriptor ${number}: it is in use`);
    }
  } catch (reason) {
    taken.forEach((number) => closeSync(number));
    throw reason;
  } finally {
    closeSync(nothing);
  }
}

/** Every descriptor that is opened while the result lives gets a number of at least `lowest`. */
export function raiseDescriptors(lowest: number): Disposable {
  using taken = new DisposableStack();
  let number = openSync('/dev/null', 'r');
  for (; number < lowest; number = openSync('/dev/null', 'r')) {
    const low = number;
    taken.defer(() => closeSync(low));
  }
  closeSync(number);
  return taken.move();
}

function openAbove(highest: number): number {
  const nothing = openSync('/dev/null', 'r');
  try {
    return duplicate(nothing, highest + 1);
  } finally {
    closeSync(nothing);
  }
}

function duplicate(descriptor: number, lowest: number): number {
  return callNow(fcntl, 'Cannot duplicate a descriptor', descriptor, F_DUPFD_CLOEXEC, lowest);
}
