import { CodedError } from '@lade/errors';

/**
 * Gives up work for which nothing came for a while. Work that has not begun waits as long as other work gets something, so
 * that a slow link is no dead one.
 */
export class Patience implements Disposable {
  readonly signal: AbortSignal;
  readonly #lastMs: number;
  readonly #othersAt: () => number;
  readonly #stop = new AbortController();
  #hasBegun = false;
  #renewedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  /** `othersAt` tells when anything came for other work, on the clock of `performance`. */
  constructor(lastMs: number, othersAt: () => number) {
    this.signal = this.#stop.signal;
    this.#lastMs = lastMs;
    this.#othersAt = othersAt;
    this.#wait();
  }

  /** From now on only what comes for this very work counts. */
  begin(): void {
    this.#hasBegun = true;
    this.renew();
  }

  /** Something came. */
  renew(): void {
    this.#renewedAt = performance.now();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    const since = this.#hasBegun ? this.#renewedAt : Math.max(this.#renewedAt, this.#othersAt());
    const leftMs = since + this.#lastMs - performance.now();
    if (leftMs > 0) this.#timer = setTimeout(() => this.#wait(), Math.ceil(leftMs));
    else this.#stop.abort(new CodedError('deadline_exceeded', `nothing came for ${this.#lastMs} ms`));
  }
}
