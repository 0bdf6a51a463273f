/** Large enough for 1 Gb/s to be cheap, small enough for 100 Mb/s to be smooth: 1.3 ms there. */
const QUANTUM_BYTES = 16 * 1024;

export interface LinkSpeed {
  readonly bytesPerMs: number;
  /** From the last byte's departure to its arrival. */
  readonly delayMs: number;
}

/** Bytes on their way; an empty piece tells the end of what its sender sends. */
export interface Piece<Sender> {
  readonly sender: Sender;
  readonly bytes: Uint8Array;
}

/**
 * One direction of a link. Senders with bytes to send take turns, a quantum each, so that together they have the link's
 * bandwidth; what has departed travels without regard to what departs after it. Time is what the caller says it is.
 */
export class LinkSchedule<Sender> {
  readonly #speed: LinkSpeed;
  /** Iterated in the order of turns. */
  readonly #waiting = new Map<Sender, Uint8Array[]>();
  #travelling: (Piece<Sender> & { readonly arrivesAt: number })[] = [];
  /** When all that has departed so far has left the sender's end of the link. */
  #freeAt = 0;

  constructor(speed: LinkSpeed) {
    this.#speed = speed;
  }

  push({ sender, bytes }: Piece<Sender>, now: number): void {
    if (this.#waiting.size === 0) this.#freeAt = Math.max(this.#freeAt, now);
    const queue = this.#waiting.get(sender);
    if (queue) queue.push(bytes);
    else this.#waiting.set(sender, [bytes]);
  }

  /** Takes off the link what has arrived by `now`, in order of arrival. */
  advance(now: number): Piece<Sender>[] {
    while (this.#waiting.size > 0 && this.#freeAt <= now) this.#depart();
    const late = this.#travelling.findIndex(({ arrivesAt }) => arrivesAt > now);
    const arrived = late === -1 ? this.#travelling.length : late;
    return this.#travelling.splice(0, arrived);
  }

  /** When advance() has work again; undefined while the link is empty. */
  get nextAt(): number | undefined {
    const arrival = this.#travelling[0]?.arrivesAt ?? Infinity;
    const departure = this.#waiting.size > 0 ? this.#freeAt : Infinity;
    const next = Math.min(arrival, departure);
    return next === Infinity ? undefined : next;
  }

  /** Forgets what waits for its turn; a connection that was reset sends no more. */
  drop(sender: Sender): void {
    this.#waiting.delete(sender);
  }

  #depart(): void {
    const [turn] = this.#waiting;
    if (!turn) return;
    const [sender, queue] = turn;
    this.#waiting.delete(sender);
    const [first = new Uint8Array()] = queue;
    const bytes = first.subarray(0, QUANTUM_BYTES);
    if (bytes.length < first.length) queue[0] = first.subarray(QUANTUM_BYTES);
    else queue.shift();
    if (queue.length > 0) this.#waiting.set(sender, queue);
    this.#freeAt += bytes.length / this.#speed.bytesPerMs;
    this.#travelling.push({ sender, bytes, arrivesAt: this.#freeAt + this.#speed.delayMs });
  }
}
