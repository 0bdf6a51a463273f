import { setTimeout as sleep } from 'node:timers/promises';

const QUIET_MS = 300;

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

  /** Resolves once no foreground work has run for a moment. Rejects when `signal` is aborted. */
  async quiet(signal: AbortSignal | undefined): Promise<void> {
    while (this.#running > 0 || Date.now() - this.#lastLeftAt < QUIET_MS) {
      await sleep(QUIET_MS / 3, undefined, signal ? { signal } : {});
    }
  }
}
