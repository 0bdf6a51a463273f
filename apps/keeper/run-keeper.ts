import { once } from 'node:events';
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { createLogger, type Logger } from '@lade/log';
import { refuseOpenings } from '@lade/on-demand/refuse-openings';
import { Keeper } from './keeper.ts';
import { NEVER_KILL, oomScore, setOomScore } from './oom-score.ts';

/** Where the connection to the daemon that has started this process is. */
export const CONNECTION = 3;
/** Where the descriptors to be held are, in the order of their names. */
const FIRST_HELD = 4;

/** What PID 1 becomes when the machine goes down, as the kernel cuts it. */
const SYSTEMD_SHUTDOWN = 'systemd-shutdow';

/**
 * The keeper's process: `keeper.mjs SOCKET NAME…`, its descriptors as above. Once it listens it lives until it is released;
 * nothing else ends it but SIGKILL, or SIGTERM while nothing needs it.
 */
export async function runKeeper([path = '', ...names]: readonly string[]): Promise<void> {
  const log = createLogger((line) => process.stderr.write(line));
  const descriptors = Object.fromEntries(names.map((name, i) => [name, FIRST_HELD + i]));
  const keeper = new Keeper({
    descriptors,
    oomScore: oomScore(),
    log,
    released: () => leave(path),
    stuck: () => {
      const { fuse, 'fuse-journal': journal } = descriptors;
      if (fuse !== undefined && journal !== undefined) refuseOpenings(fuse, journal);
    },
  });
  await listen(keeper, path);
  survive(log);
  process.on('SIGTERM', () => {
    if (!keeper.isNeeded || isMachineGoingDown()) leave(path);
    log.warn('kept alive: without this process, files that are not resident would read as zeros', {
      cure: 'Stop what uses layers, and then the daemon',
    });
  });
  await keeper.serve(new Socket({ fd: CONNECTION, readable: true, writable: true }));
}

/** For root alone, and in one step in the place of the socket of a keeper that is gone. */
async function listen(keeper: Keeper, path: string): Promise<void> {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  const server = createServer((connection) => void keeper.serve(connection));
  const mask = process.umask(0o177);
  server.listen(fresh);
  process.umask(mask);
  await once(server, 'listening');
  renameSync(fresh, path);
}

/** Neither the kernel short of memory, nor a terminal or log that is gone, nor a mistake of our own may end this process. */
function survive(log: Logger): void {
  setOomScore(process.pid, NEVER_KILL);
  process.on('SIGHUP', () => {});
  process.on('SIGINT', () => {});
  process.stderr.on('error', () => {});
  process.on('uncaughtException', (error) => log.error('keeper goes on after a failure', { error }));
}

function isMachineGoingDown(): boolean {
  return readFileSync('/proc/1/comm', 'latin1').trim() === SYSTEMD_SHUTDOWN;
}

function leave(path: string): never {
  rmSync(path, { force: true });
  process.exit();
}
