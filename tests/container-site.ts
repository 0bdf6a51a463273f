import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ControlClient, controlSocketPath, type OutputEvent, type RunEvent } from '@lade/control-protocol';
import { assembleImage, startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { CACHE } from './programs.ts';
import type { ContainerdVersion, Testbed } from './testbed.ts';

const PASSWD = 'root:x:0:0::/root:/bin/sh\nann:x:1000:1001::/:/bin/sh\n';
const GROUP = 'root:x:0:\nwheel:x:10:root,ann\nann:x:1001:\n';

/** A node with an image that has users, an entrypoint and a shell; `reference` names it. */
export interface ContainerSite extends AsyncDisposable {
  readonly node: LadeNode;
  readonly client: ControlClient;
  readonly reference: string;
}

export async function openSite(bed: Testbed, version: ContainerdVersion): Promise<ContainerSite> {
  await using stack = new AsyncDisposableStack();
  const layout = join(bed.folder, 'image');
  const users = {
    async fill(root: string) {
      await mkdir(join(root, 'etc'));
      await writeFile(join(root, 'etc/passwd'), PASSWD);
      await writeFile(join(root, 'etc/group'), GROUP);
    },
  };
  const config = {
    Entrypoint: ['/bin/busybox'],
    Cmd: ['sh', '-c', 'echo by default'],
    Env: ['PATH=/bin', 'FROM=image'],
    WorkingDir: '/etc',
    StopSignal: 'SIGUSR1',
    Labels: { maker: 'test' },
  };
  const recipe = { name: 'shell:latest', layers: [{ packages: ['busybox-static'] }, users], config };
  await assembleImage({ recipe, layout, cacheFolder: CACHE });
  const origin = stack.use(await startOrigin([layout]));
  const node = await bed.node('node', await bed.bucket('directory'), version);
  const reference = `${origin.address}/shell:latest`;
  await node.containerd.pull(reference, { snapshotter: 'lade' });
  const client = stack.use(ControlClient.open(controlSocketPath(node.address)));
  const owned = stack.move();
  return { node, client, reference, [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}

export interface Ending {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitStatus: number | undefined;
}

/** What a process wrote, and how it ended. */
export async function endingOf(
  events: AsyncIterable<RunEvent | OutputEvent> | readonly OutputEvent[],
): Promise<Ending> {
  const text = { stdout: '', stderr: '' };
  let exitStatus: number | undefined;
  for await (const event of events) {
    if (event.kind === 'output') text[event.stream] += Buffer.from(event.data, 'base64').toString();
    if (event.kind === 'exited') ({ exitStatus } = event);
  }
  return { ...text, exitStatus };
}

/** The session of a stream of events, and the events that follow. */
export async function sessionOf<T extends RunEvent | OutputEvent>(
  events: AsyncIterable<T>,
): Promise<{ readonly session: string; readonly rest: AsyncIterable<T> }> {
  const iterator = events[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await iterator.next();
    if (done) throw new Error('there is no session');
    if (value.kind === 'session')
      return { session: value.session, rest: { [Symbol.asyncIterator]: () => iterator } };
  }
}
