/** Who waits: a reader, a reader that may come soon, or nobody. */
export type Urgency = 'demand' | 'ahead' | 'background';

const RANK: Readonly<Record<Urgency, number>> = { demand: 0, ahead: 1, background: 2 };

/** The urgency of one piece of work, which may rise while it waits. */
export class Ticket {
  #urgency: Urgency;
  #raised = (): void => {};

  constructor(urgency: Urgency) {
    this.#urgency = urgency;
  }

  get urgency(): Urgency {
    return this.#urgency;
  }

  raise(urgency: Urgency): void {
    if (RANK[urgency] >= RANK[this.#urgency]) return;
    this.#urgency = urgency;
    this.#raised();
  }

  onRaise(listener: () => void): void {
    this.#raised = listener;
  }
}

interface Waiting {
  readonly ticket: Ticket;
  readonly bytes: number;
  readonly admit: (slot: Disposable) => void;
}

/**
 * Admits work within a bound on its number and on its bytes in memory: the most urgent first, and of two alike the
 * older. What no reader waits for gets at most half of either, so that there is always room for the next reader.
 */
export class FetchQueue {
  readonly #limits: { readonly requests: number; readonly bytes: number };
  readonly #waiting: Waiting[] = [];
  #requests = 0;
  #bytes = 0;

  constructor(limits: { readonly requests: number; readonly bytes: number }) {
    this.#limits = limits;
  }

  /** Resolves when it is this ticket's turn; the slot is free again when it is disposed. Rejects when aborted. */
  async enter(ticket: Ticket, bytes: number, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason as Error);
      };
      const admit = (slot: Disposable): void => {
        signal.removeEventListener('abort', leave);
        resolve(slot);
      };
      const waiting = { ticket, bytes, admit };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
      ticket.onRaise(() => this.#admit());
      this.#admit();
    });
  }

  #admit(): void {
    for (let next = this.#next(); next && this.#fits(next); next = this.#next()) {
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      next.admit(this.#take(next.bytes));
    }
  }

  #next(): Waiting | undefined {
    let best: Waiting | undefined;
    for (const waiting of this.#waiting)
      if (!best || RANK[waiting.ticket.urgency] < RANK[best.ticket.urgency]) best = waiting;
    return best;
  }

  #fits({ ticket, bytes }: Waiting): boolean {
    const share = ticket.urgency === 'demand' ? 1 : 2;
    if (this.#requests === 0) return true;
    return (
      this.#requests < this.#limits.requests / share && this.#bytes + bytes <= this.#limits.bytes / share
    );
  }

  #take(bytes: number): Disposable {
    this.#requests++;
    this.#bytes += bytes;
    let isTaken = true;
    return {
      [Symbol.dispose]: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#requests--;
        this.#bytes -= bytes;
        this.#admit();
      },
    };
  }
}
