import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { flushCompileCache } from 'node:module';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { CONNECTION } from './run-keeper.ts';

/** The same as those of `lade`, because programs with other flags share no compile cache. */
const FLAGS = ['--max-semi-space-size=1', '--v8-pool-size=1'];
const PROGRAM = fileURLToPath(new URL('keeper.mjs', import.meta.url));

/**
 * Starts a keeper in a session of its own, with this process's standard error, and gives the connection to it. It holds
 * copies of `descriptors` and listens on `socketPath`, in the place of what may be there.
 */
export async function spawnKeeper(
  socketPath: string,
  descriptors: Readonly<Record<string, number>>,
): Promise<Duplex> {
  // This process has the keeper's sources loaded: so even the first keeper of a machine finds them compiled.
  flushCompileCache();
  const keeper = spawn(process.execPath, [...FLAGS, PROGRAM, socketPath, ...Object.keys(descriptors)], {
    cwd: '/',
    env: {},
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'pipe', ...Object.values(descriptors)],
  });
  await once(keeper, 'spawn');
  keeper.unref();
  return keeper.stdio[CONNECTION] as Duplex;
}
