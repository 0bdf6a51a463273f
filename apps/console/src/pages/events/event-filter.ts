import type { DaemonEvent, WireError } from '@lade/control-protocol';

export interface EventFilter {
  /** The part of a kind before its first dot; '' for all. */
  readonly family: string;
  /** Words that all have to be in the event, in whatever case. */
  readonly text: string;
  readonly onlyErrors: boolean;
}

const FIXED = new Set(['id', 'time', 'kind', 'object', 'bytes', 'ms', 'error']);

export function familyOf({ kind }: DaemonEvent): string {
  return kind.split('.', 1)[0] ?? kind;
}

export function errorOf({ error }: DaemonEvent): Partial<WireError> | undefined {
  return typeof error === 'object' && error !== null ? (error as Partial<WireError>) : undefined;
}

/** What an event is about, in one line: its object, and whatever else it tells. */
export function describeEvent(event: DaemonEvent): string {
  const more = Object.entries(event).flatMap(([name, value]) =>
    FIXED.has(name) || typeof value === 'object' ? [] : [`${name}=${String(value)}`],
  );
  const object = typeof event['object'] === 'string' ? [event['object']] : [];
  const error = errorOf(event)?.message;
  return [...object, ...more, ...(error === undefined ? [] : [`— ${error}`])].join(' ');
}

/** A test that is made once for many events. */
export function matcher({ family, text, onlyErrors }: EventFilter): (event: DaemonEvent) => boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (event) => {
    if (family !== '' && familyOf(event) !== family) return false;
    if (onlyErrors && errorOf(event) === undefined) return false;
    if (words.length === 0) return true;
    const haystack = `${event.kind} ${describeEvent(event)}`.toLowerCase();
    return words.every((word) => haystack.includes(word));
  };
}
