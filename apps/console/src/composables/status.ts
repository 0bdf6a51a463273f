import { inject, type InjectionKey } from 'vue';
import type { Status } from '@lade/control-protocol';
import type { Polled } from './use-poll.ts';

/** The shell asks; all pages look at the same answer. */
export const STATUS: InjectionKey<Polled<Status>> = Symbol('status');

export function useStatus(): Polled<Status> {
  const status = inject(STATUS);
  if (!status) throw new TypeError('pages live in the shell');
  return status;
}
