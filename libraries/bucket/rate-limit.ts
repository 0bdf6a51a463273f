import { orAbort } from '@lade/streams';

/** However many urgent ones come, one in so many grants is for the others. */
const URGENT_IN_A_ROW = 8;

interface Waiter {
  readonly amount: number;
  readonly grant: () => void;
}

/**
 * Lets so much through per second, in the order of coming, urgent amounts first. At most what one second brings is saved up;
 * an amount that is larger passes at once, and those behind it wait until it is paid for.
 */
export class RateLimit {
  readonly #perSecond: number;
  readonly #urgent: Waiter[] = [];
  readonly #others: Waiter[] = [];
  #saved: number;
  #savedAt = performance.now();
  #urgentInARow = 0;
  #isTimed = false;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#saved = perSecond;
  }

  /** Resolves when `amount` may pass; an aborted signal ends the wait with its reason. */
  async take(
    amount: number,
    { isUrgent = false, signal }: { isUrgent?: boolean; signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    signal?.throwIfAborted();
    const queue = isUrgent ? this.#urgent : this.#others;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { amount, grant: resolve };
    queue.push(waiter);
    this.#grant();
    try {
      await orAbort(promise, signal);
    } catch (reason) {
      const at = queue.indexOf(waiter);
      if (at >= 0) queue.splice(at, 1);
      throw reason;
    }
  }

  #grant(): void {
    const now = performance.now();
    this.#saved = Math.min(this.#perSecond, this.#saved + ((now - this.#savedAt) * this.#perSecond) / 1000);
    this.#savedAt = now;
    while (this.#saved > 0) {
      const waiter = this.#next();
      if (!waiter) return;
      this.#saved -= waiter.amount;
      waiter.grant();
    }
    const hasWaiters = this.#urgent.length + this.#others.length > 0;
    if (this.#isTimed || !hasWaiters) return;
    this.#isTimed = true;
    const untilPaidMs = Math.ceil((-this.#saved * 1000) / this.#perSecond) + 1;
    setTimeout(() => {
      this.#isTimed = false;
      this.#grant();
    }, untilPaidMs);
  }

  #next(): Waiter | undefined {
    const isTheirTurn = this.#urgentInARow >= URGENT_IN_A_ROW || this.#urgent.length === 0;
    const other = isTheirTurn ? this.#others.shift() : undefined;
    this.#urgentInARow = other ? 0 : this.#urgentInARow + 1;
    return other ?? this.#urgent.shift();
  }
}
