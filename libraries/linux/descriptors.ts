import { closeSync, openSync } from 'node:fs';
import { callNow, declare } from './libc.ts';

const fcntl = declare('int fcntl(int, int, int)');
const F_DUPFD_CLOEXEC = 1030;

/**
 * Takes each of the descriptor numbers that is free, so that the kernel gives it to nothing else until the caller closes it.
 * Returns the others, which somebody else may close at any time.
 */
export function reserveDescriptors(numbers: readonly number[]): readonly number[] {
  const nothing = openAbove(Math.max(0, ...numbers));
  try {
    return numbers.filter((number) => {
      const taken = duplicate(nothing, number);
      if (taken !== number) closeSync(taken);
      return taken !== number;
    });
  } finally {
    closeSync(nothing);
  }
}

/**
 * What is opened while the result lives gets a number of at least `lowest`, unless something below is closed that is open
 * now.
 */
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
