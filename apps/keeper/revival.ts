import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@lade/log';
import type { Command } from './messages.ts';
import { setOomScore } from './oom-score.ts';

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;
/** A daemon that has lived so long has not failed at its start. */
const HEALTHY_MS = 60_000;
/** The kernel tells only its parent when a process ends. */
const LOOK_MS = 5;

export interface RevivalOptions {
  /** Of what is started. */
  readonly oomScore: string;
  readonly log: Logger;
}

/** Starts a daemon that has crashed, again and again until one is there: at once, then ever less often. */
export class Revival {
  readonly #options: RevivalOptions;
  #stop = new AbortController();
  #restarts = 0;
  #failures = 0;

  constructor(options: RevivalOptions) {
    this.#options = options;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** A daemon is there. */
  end(): void {
    this.#stop.abort();
  }

  /** A daemon that lived for `livedMs` has crashed; its process may still be `ending`. */
  begin(command: Command, livedMs: number, ending: () => boolean): void {
    if (livedMs > HEALTHY_MS) this.#failures = 0;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#run(command, ending, signal).catch((error: unknown) => {
      if (!signal.aborted) this.#options.log.error('cannot restart the daemon', { error });
    });
  }

  async #run(command: Command, ending: () => boolean, signal: AbortSignal): Promise<void> {
    while (ending()) await sleep(LOOK_MS, undefined, { signal });
    for (;;) {
      await sleep(delayAfter(this.#failures++), undefined, { signal });
      this.#restarts += 1;
      this.#options.log.warn('daemon has crashed: starting it again', { restarts: this.#restarts });
      await this.#attempt(command, signal);
    }
  }

  /** Resolves when the started process has ended. */
  async #attempt({ argv: [program = '', ...args], cwd, env }: Command, signal: AbortSignal): Promise<void> {
    try {
      const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });
      if (child.pid !== undefined) setOomScore(child.pid, this.#options.oomScore);
      await once(child, 'exit', { signal });
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.error('cannot start the daemon', { error });
    }
  }
}

function delayAfter(failures: number): number {
  return failures === 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (failures - 1), MAX_DELAY_MS);
}
