import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 100;

/** Lets background work wait while a pull is going on. */
export class Foreground {
  #running = 0;
  #lastLeftAt = 0;

  enter(): Disposable {
    this.#running++;
    return {
      [Symbol.dispose]: () => {
        this.#running--;
        this.#lastLeftAt = Date.now();
      },
    };
  }

  /** Resolves once no foreground work has run for `forMs`. Rejects when `signal` is aborted. */
  async quiet(signal: AbortSignal | undefined, forMs = 3 * LOOK_MS): Promise<void> {
    while (this.#running > 0 || Date.now() - this.#lastLeftAt < forMs) {
      await sleep(LOOK_MS, undefined, signal ? { signal } : {});
    }
  }
}
