import { raiseDescriptors, reserveDescriptors, decodeFanotifyEvents } from '@lade/linux';
import type { Journal } from './journal.ts';

/** What a process opens early stays below; event descriptors come from here on. */
const LOWEST_EVENT = 256;

/**
 * Keeps the kernel from giving a number to an event while an unanswered one of an earlier process has it, for the kernel
 * knows events by their number. To be called before this process has opened much. Dispose when no more events are read.
 */
export function reserveEventNumbers(journal: Journal): Disposable {
  const numbers = new Set<number>();
  for (const [, { id }] of journal.asked()) numbers.add(Number(id));
  for (const { fd } of decodeFanotifyEvents(journal.inbox)) if (fd >= 0) numbers.add(fd);
  reserveDescriptors([...numbers]);
  return raiseDescriptors(LOWEST_EVENT);
}
