/** Something that has happened. */
export interface LoggedEvent {
  /** Grows by 1 from event to event; also from one process to the next, with a gap. */
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly time: string;
  /** Words joined by dots, the most general one first. */
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** So many events, wanted or not, were forgotten before a follower came to them. */
export interface LostEvents {
  readonly kind: 'lost';
  readonly count: number;
  readonly [field: string]: unknown;
}

export interface EventFilter {
  /** How the kind begins. */
  readonly kind?: string;
  /** What one of the fields that are text holds, in whatever case. */
  readonly text?: string;
  /** What the field traceId is. */
  readonly traceId?: string;
  /** Only what came after the event of this number. */
  readonly since?: number;
  /** Only what happened at this time or later: ISO 8601, UTC. */
  readonly from?: string;
  /** Of what is known, only the last so many that are wanted. */
  readonly tail?: number;
}

export interface EventLogOptions {
  readonly maxEvents?: number;
  readonly maxBytes?: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** An event as it is kept: made in a microsecond, since most of them nobody ever looks at. */
interface Entry {
  readonly id: number;
  readonly atMs: number;
  readonly kind: string;
  readonly fields: Fields;
  /** What it takes, about. */
  readonly bytes: number;
}

/** Beside its text. */
const ENTRY_BYTES = 256;

/**
 * The last events, bounded by number and bytes. Those who follow have no queue of their own: who is too slow loses what is
 * forgotten meanwhile, is told how much that was, and holds up nobody.
 */
export class EventLog {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  /** By id, in a ring. */
  readonly #entries: (Entry | undefined)[];
  readonly #first = Date.now() * 1000;
  #oldest = this.#first;
  #next = this.#first;
  #bytes = 0;
  #news: PromiseWithResolvers<void> | undefined;

  constructor({ maxEvents = 4096, maxBytes = 4 << 20 }: EventLogOptions = {}) {
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
    this.#entries = Array.from({ length: maxEvents });
  }

  /** Fields are plain values, and stay as they are. */
  tell(kind: string, fields: Fields = {}): void {
    const entry = { id: this.#next++, atMs: Date.now(), kind, fields, bytes: bytesOf(fields) };
    if (entry.id - this.#oldest === this.#maxEvents) this.#forget();
    this.#entries[entry.id % this.#maxEvents] = entry;
    this.#bytes += entry.bytes;
    while (this.#bytes > this.#maxBytes && this.#oldest < entry.id) this.#forget();
    this.#news?.resolve();
    this.#news = undefined;
  }

  /** What is still known of what is wanted, oldest first. */
  recent(filter: EventFilter = {}): LoggedEvent[] {
    const events: LoggedEvent[] = [];
    for (let id = Math.max(this.#oldest, this.#startOfTail(filter)); id < this.#next; id++) {
      const entry = this.#entries[id % this.#maxEvents];
      if (entry && matches(entry, filter)) events.push(toEvent(entry));
    }
    return events;
  }

  /** What recent() gives, then what happens from now on. Throws the reason of the signal when that aborts. */
  async *follow(filter: EventFilter, signal: AbortSignal): AsyncGenerator<LoggedEvent | LostEvents> {
    for (let next = this.#startOfTail(filter); ;) {
      signal.throwIfAborted();
      if (next < this.#oldest) {
        const count = this.#oldest - next;
        next = this.#oldest;
        yield { kind: 'lost', count };
      } else if (next === this.#next) {
        await this.#waitForNews(signal);
      } else {
        const entry = this.#entries[next++ % this.#maxEvents];
        if (entry && matches(entry, filter)) yield toEvent(entry);
      }
    }
  }

  /** A number that this log has not given, as after a step back of the clock, stands for none. */
  #start({ since }: EventFilter): number {
    const isKnown = since !== undefined && since >= this.#first && since < this.#next;
    return isKnown ? since + 1 : this.#oldest;
  }

  #startOfTail(filter: EventFilter): number {
    const start = this.#start(filter);
    if (filter.tail === undefined) return start;
    let [id, wanted] = [this.#next, filter.tail];
    while (wanted > 0 && id > Math.max(start, this.#oldest)) {
      const entry = this.#entries[--id % this.#maxEvents];
      if (entry && matches(entry, filter)) wanted--;
    }
    return id;
  }

  #forget(): void {
    const slot = this.#oldest++ % this.#maxEvents;
    this.#bytes -= this.#entries[slot]?.bytes ?? 0;
    this.#entries[slot] = undefined;
  }

  async #waitForNews(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#news ??= Promise.withResolvers();
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const abort = (): void => resolve();
    signal.addEventListener('abort', abort, { once: true });
    await Promise.race([this.#news.promise, aborted]);
    signal.removeEventListener('abort', abort);
    signal.throwIfAborted();
  }
}

function toEvent({ id, atMs, kind, fields }: Entry): LoggedEvent {
  const own = { id, time: new Date(atMs).toISOString(), kind };
  return { ...own, ...fields, ...own };
}

function matches(entry: Entry, { kind = '', text, from, traceId }: EventFilter): boolean {
  if (!entry.kind.startsWith(kind)) return false;
  if (traceId !== undefined && entry.fields['traceId'] !== traceId) return false;
  if (from !== undefined && entry.atMs < Date.parse(from)) return false;
  if (text === undefined) return true;
  const wanted = text.toLowerCase();
  const holds = (value: unknown): boolean =>
    typeof value === 'string' && value.toLowerCase().includes(wanted);
  return holds(entry.kind) || Object.values(entry.fields).some(holds);
}

function bytesOf(fields: Fields): number {
  let bytes = ENTRY_BYTES;
  for (const name in fields) {
    const value = fields[name];
    if (typeof value === 'string') bytes += value.length;
    else if (typeof value === 'object') bytes += JSON.stringify(value).length;
  }
  return bytes;
}
