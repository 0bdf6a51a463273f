import type { DaemonEvent } from '@lade/control-protocol';

export interface EventFilter {
  /** The part of a kind before its first dot; '' for all. */
  readonly family: string;
  /** Words that all have to be in the event, in whatever case. */
  readonly text: string;
  readonly onlyErrors: boolean;
  /** Of one pull or request; '' for all. */
  readonly traceId: string;
}

/** Fields that the line shows elsewhere. */
const FIXED = new Set(['id', 'time', 'kind', 'bytes', 'ms']);
/** What an event is mainly about: the first of these that it has, shown without its name. */
const SUBJECTS = ['key', 'message', 'name', 'object', 'ref', 'digest', 'chainId'];

export function familyOf({ kind }: DaemonEvent): string {
  return kind.split('.', 1)[0] ?? kind;
}

/** Whether the bucket was asked for an object that it does not have; which ones it has is often found out so. */
export function isAbsent({ kind, code }: DaemonEvent): boolean {
  return kind.startsWith('bucket.') && code === 'not_found';
}

/** Whether something failed; that a read was given up is no failure. */
export function hasFailed(event: DaemonEvent): boolean {
  const { kind, code } = event;
  if (kind === 'log.error') return true;
  return typeof code === 'string' && code !== 'cancelled' && !isAbsent(event);
}

/** What an event is about, in one line: its subject, and whatever else it tells. */
export function describeEvent(event: DaemonEvent): string {
  const subject = SUBJECTS.find((name) => typeof event[name] === 'string');
  const more = Object.entries(event).flatMap(([name, value]) =>
    FIXED.has(name) || name === subject ? [] : [`${name}=${formatField(value)}`],
  );
  return [...(subject === undefined ? [] : [event[subject] as string]), ...more].join(' ');
}

/** A field as one text. */
export function formatField(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A test that is made once for many events. */
export function matcher({ family, text, onlyErrors, traceId }: EventFilter): (event: DaemonEvent) => boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (event) => {
    if (family !== '' && familyOf(event) !== family) return false;
    if (onlyErrors && !hasFailed(event)) return false;
    if (traceId !== '' && event['traceId'] !== traceId) return false;
    if (words.length === 0) return true;
    const haystack = `${event.kind} ${describeEvent(event)}`.toLowerCase();
    return words.every((word) => haystack.includes(word));
  };
}
