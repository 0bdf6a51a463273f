import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Kept } from './both-kinds.ts';
import type { ServingOrder } from './serving-process.ts';

type Order = Omit<ServingOrder, 'kind' | 'folder'>;

/** Serves files from another process, and from a new one whenever that was killed; `onStep` is for the first one only. */
export async function serveUntilDisposed(kept: Kept, { onStep, ...order }: Order): Promise<Serving> {
  const serving = new Serving(kept, order, onStep);
  await serving.ready();
  return serving;
}

export class Serving implements AsyncDisposable {
  /** Where the files are read. */
  paths: readonly string[] = [];
  /** How many processes were killed so far. */
  deaths = 0;
  readonly #kept: Kept;
  readonly #order: Order;
  #process: ChildProcess;
  #ready: Promise<void>;
  #stopping = false;

  constructor(kept: Kept, order: Order, onStep: string | undefined) {
    this.#kept = kept;
    this.#order = order;
    this.#process = startServing(kept, onStep === undefined ? order : { ...order, onStep });
    this.#ready = this.#follow(this.#process);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Resolves when a process serves all files. */
  ready(): Promise<void> {
    return this.#ready;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    const [code] = (await exit) as [number | null];
    if (code !== 0) throw new Error(`The serving process ended: ${code}`);
  }

  async #follow(child: ChildProcess): Promise<void> {
    const next = once(child, 'exit').then(([code, signal]) => this.#restart(code, signal));
    next.catch(() => undefined); // for whoever waits for `ready`
    const paths = await readPaths(child);
    if (paths === undefined) return next;
    this.paths = paths;
  }

  #restart(code: unknown, signal: unknown): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    if (signal !== 'SIGKILL') throw new Error(`A serving process ended: ${String(code ?? signal)}`);
    this.deaths += 1;
    this.#process = startServing(this.#kept, this.#order);
    this.#ready = this.#follow(this.#process);
    return this.#ready;
  }
}

/** One process that serves files; it prints their paths, then "ready". */
export function startServing({ kind, folder, device, journal }: Kept, order: Order): ChildProcess {
  const argument = JSON.stringify({ ...order, kind, folder } satisfies ServingOrder);
  return spawn(process.execPath, [join(import.meta.dirname, 'serving-process.ts'), argument], {
    stdio: ['ignore', 'pipe', 'inherit', device, journal],
  });
}

/** Undefined when the process has ended before. */
async function readPaths({ stdout }: ChildProcess): Promise<readonly string[] | undefined> {
  const paths: string[] = [];
  if (stdout === null) return undefined;
  for await (const line of createInterface(stdout)) {
    if (line === 'ready') return paths;
    paths.push(line);
  }
  return undefined;
}
