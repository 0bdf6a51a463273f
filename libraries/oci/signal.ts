import { constants } from 'node:os';
import { CodedError } from '@lade/errors';

/** The first that is an application's own; the ones below are the C library's. */
const SIGRTMIN = 34;
const SIGRTMAX = 64;

/** The number of a signal as people write it: "SIGTERM", "term", "15", "SIGRTMIN+3". Throws `invalid_argument`. */
export function parseSignal(text: string): number {
  const name = text.toUpperCase().replace(/^(?!SIG)/, 'SIG');
  const number = /^\d+$/.test(text)
    ? Number(text)
    : (constants.signals[name as NodeJS.Signals] ?? realTime(name));
  if (number >= 1 && number <= SIGRTMAX) return number;
  throw new CodedError('invalid_argument', `Cannot use ${JSON.stringify(text)} as a signal: there is none`);
}

function realTime(name: string): number {
  const [, from, offset = '0'] = /^SIGRT(MIN|MAX)([+-]\d+)?$/.exec(name) ?? [];
  if (from === undefined) return 0;
  return (from === 'MIN' ? SIGRTMIN : SIGRTMAX) + Number(offset);
}
