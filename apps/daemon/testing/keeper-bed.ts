import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
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

  /** Starts a daemon, which tells of itself once it serves. Its standard error comes along, and that of later ones. */
  start(): ChildProcess & { readonly pid: number } {
    const child = spawn(process.execPath, [PROGRAM, this.root], { stdio: ['ignore', 'ignore', 'inherit'] });
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

  /** The only one that there is, in time. */
  async keeperPid(...not: readonly number[]): Promise<number> {
    return eventually('there is one keeper', () => {
      const [pid, ...more] = this.pidsOf('keeper.mjs');
      return more.length === 0 && pid !== undefined && !not.includes(pid) ? pid : undefined;
    });
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
