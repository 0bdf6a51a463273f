import { decodeFanotifyEvents, raiseDescriptors, reserveDescriptors } from '@lade/linux';
import type { Journal } from './journal.ts';

/** What a process opens early stays below; most event descriptors come from here on. */
const LOWEST_EVENT = 256;

/** To be disposed when no more events are read. */
export interface EventNumbers extends Disposable {
  /** Something else in this process has them, and may close them: until their questions are answered, no event may be read. */
  readonly contested: readonly number[];
}

/**
 * Keeps the kernel from giving a number to an event while an unanswered one of an earlier process has it, for the kernel
 * knows events by their number. To be called before this process has opened much.
 */
export function reserveEventNumbers(journal: Journal): EventNumbers {
  const numbers = new Set<number>();
  for (const [, { id }] of journal.asked()) numbers.add(Number(id));
  for (const { fd } of decodeFanotifyEvents(journal.inbox)) if (fd >= 0) numbers.add(fd);
  const contested = reserveDescriptors([...numbers]);
  const raised = raiseDescriptors(LOWEST_EVENT);
  return { contested, [Symbol.dispose]: () => raised[Symbol.dispose]() };
}
