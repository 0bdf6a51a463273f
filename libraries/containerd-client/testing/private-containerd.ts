import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCodedError } from '@lade/errors';
import { ContainerdClient } from '../index.ts';

export interface PrivateContainerd extends AsyncDisposable {
  readonly address: string;
  /** A folder for the test's own files. */
  readonly scratch: string;
}

const START_MS = 60_000;

/** A containerd that shares nothing with the machine's: own folders, own mounts. `searchPath` is where its programs are. */
export async function startPrivateContainerd(searchPath: string): Promise<PrivateContainerd> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-ctd-')));
  const place = (name: string): string => join(folder.path, name);
  const address = place('c.sock');
  writeFileSync(place('config.toml'), configuration(place, address));
  mkdirSync(place('scratch'));
  const log = openSync(place('log'), 'w');
  const args = ['--mount', '--propagation', 'private', 'containerd', '--config', place('config.toml')];
  const child = spawn('unshare', args, {
    env: { PATH: searchPath, TMPDIR: folder.path },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  stack.defer(() => stop(child));
  await ready(child, address, place('log'));
  const owned = stack.move();
  return { address, scratch: place('scratch'), [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function configuration(place: (name: string) => string, address: string): string {
  return `version = 2
root = "${place('root')}"
state = "${place('state')}"
disabled_plugins = [
  "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
  "io.containerd.podsandbox.controller.v1.podsandbox", "io.containerd.nri.v1.nri",
]
[grpc]
address = "${address}"
[plugins."io.containerd.internal.v1.opt"]
path = "${place('opt')}"
`;
}

async function ready(child: ChildProcess, address: string, log: string): Promise<void> {
  using client = ContainerdClient.open({ address });
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      await client.version({ timeoutMs: 5_000 });
      return;
    } catch (reason) {
      const passes = isCodedError(reason, 'unavailable') || isCodedError(reason, 'deadline_exceeded');
      if (!passes || Date.now() > deadline || child.exitCode !== null)
        throw new Error(`containerd does not start:\n${readFileSync(log, 'utf8')}`, { cause: reason });
    }
    await sleep(100);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
