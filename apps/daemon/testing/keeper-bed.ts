import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Life } from './kept-daemon.ts';

const PROGRAM = join(import.meta.dirname, 'kept-daemon.ts');
const PATIENCE_MS = 60_000;

/** A root for daemons and keepers; none of them survives its disposal. */
export class KeeperBed implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), 'lade-keeper-'));
  readonly socketPath = join(this.root, 'keeper.sock');
  /** While it exists, daemons fail. */
  readonly breaker = join(this.root, 'broken');
  readonly #logPath = join(this.root, 'log');

  /** Starts a daemon, as last argument of a program where one is given. It tells of itself once it serves. */
  start(...through: readonly string[]): ChildProcess & { readonly pid: number } {
    const log = openSync(this.#logPath, 'a');
    const [program, ...args] = [...through, process.execPath, PROGRAM, this.root];
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', log] });
    closeSync(log);
    return child as ChildProcess & { readonly pid: number };
  }

  /** What the daemons have told. */
  get lives(): readonly Life[] {
    return readIfAny(join(this.root, 'events'))
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as Life);
  }

  /** Waits for a daemon to serve: the one that is the `count`th of all. */
  async life(count: number): Promise<Life> {
    return eventually(`daemon number ${count} serves`, () => this.lives[count - 1]);
  }

  /** Of keepers and daemons alike, by their command line. */
  pidsOf(program: 'keeper.mjs' | 'kept-daemon.ts'): number[] {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0)
      .filter((pid) => {
        const line = readIfAny(`/proc/${pid}/cmdline`);
        return line.includes(`/${program}\0`) && line.includes(this.root);
      });
  }

  async keeperPid(): Promise<number> {
    return eventually('there is one keeper', () => {
      const pids = this.pidsOf('keeper.mjs');
      return pids.length === 1 ? pids[0] : undefined;
    });
  }

  /** Kills the keeper, and waits until there is another one that knows the daemon. */
  async replaceKeeper(): Promise<number> {
    kill(await this.keeperPid());
    const killed = this.#replaced().length;
    return eventually('the keeper is replaced', () => this.#replaced()[killed]);
  }

  /** Waits for the log of daemons and keepers to say something. */
  async logSays(text: string): Promise<void> {
    await eventually(`the log says ${text}`, () => readIfAny(this.#logPath).includes(text) || undefined);
  }

  #replaced(): number[] {
    const lines = readIfAny(this.#logPath).matchAll(/"keeper has been replaced","pid":(\d+)/g);
    return [...lines].map(([, pid]) => Number(pid));
  }

  async connect(): Promise<Socket> {
    const socket = connect(this.socketPath);
    await once(socket, 'connect');
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await eventually('nothing is left', () => {
      const left = [...this.pidsOf('keeper.mjs'), ...this.pidsOf('kept-daemon.ts')];
      left.forEach((pid) => kill(pid));
      return left.length === 0 ? true : undefined;
    });
    rmSync(this.root, { recursive: true });
  }
}

/** SIGKILL, if it is still there. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone already
  }
}

export async function eventually<T>(what: string, look: () => T | undefined): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = look();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(10);
  }
}

function readIfAny(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
