import { appendFileSync, existsSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { lockFile } from '@lade/linux';
import { createLogger } from '@lade/log';
import { KeeperLink } from '../keeper-link.ts';

/*
 * A daemon that does nothing but use a keeper, for tests: `kept-daemon.ts ROOT`. Its descriptors are a file without a name, to
 * which each life appends its pid, at the offset that all copies share, and a connection to FUSE. What a life has to tell is
 * a line of ROOT/events. SIGTERM stops it as planned; SIGUSR2 makes it release the keeper; it fails while ROOT/broken exists.
 */
export interface Life {
  readonly pid: number;
  readonly inherited: boolean;
  readonly restarts: number;
  /** The pids of all lives that shared the file. */
  readonly shared: readonly number[];
  /** Its descriptor of FUSE. */
  readonly fuse: number;
  /** How many descriptors are open. */
  readonly open: number;
}

function createDescriptors(root: string): Record<string, number> {
  const path = join(root, 'nameless');
  const file = openSync(path, 'w+');
  rmSync(path);
  return { file, fuse: openSync('/dev/fuse', 'r+') };
}

if (import.meta.main) {
  const [root = ''] = process.argv.slice(2);
  const stop = Promise.withResolvers<'bye' | 'release'>();
  process.once('SIGTERM', () => stop.resolve('bye')).once('SIGUSR2', () => stop.resolve('release'));
  using _ = lockFile(join(root, 'lock'));
  const log = createLogger((line) => process.stderr.write(line));
  await using keeper = await KeeperLink.connect({ root, create: () => createDescriptors(root), log });
  if (existsSync(join(root, 'broken'))) throw new Error('broken');
  await keeper.serving({ restart: true });
  tell(root, keeper);
  const idle = setInterval(() => {}, 1 << 30);
  await keeper[await stop.promise]();
  clearInterval(idle);
}

function tell(root: string, { descriptors, inherited, restarts }: KeeperLink): void {
  const { file = -1, fuse = -1 } = descriptors;
  writeSync(file, `${process.pid}\n`);
  const life: Life = {
    pid: process.pid,
    inherited,
    restarts,
    shared: readFileSync(`/proc/self/fd/${file}`, 'latin1').trim().split('\n').map(Number),
    fuse,
    open: readdirSync('/proc/self/fd').length,
  };
  appendFileSync(join(root, 'events'), `${JSON.stringify(life)}\n`);
}
