import { join } from 'node:path';
import { Containers } from '@lade/containers';
import { punchHole } from '@lade/linux';
import type { Logger } from '@lade/log';
import type { ContainerdNode } from './containerd-node.ts';
import { createContainerRoots } from './container-roots.ts';
import { createContainerRuntime } from './container-runtime.ts';
import { createProcessPipes } from './process-pipes.ts';

/** The containers of a node: below `root`, what they write, and what their processes are connected by. */
export async function openContainers(root: string, node: ContainerdNode, log: Logger): Promise<Containers> {
  return new Containers({
    containerd: createContainerRuntime(node),
    roots: await createContainerRoots(join(root, 'mounted')),
    openPipes: await createProcessPipes(join(root, 'pipes')),
    folder: join(root, 'containers'),
    punchHole,
    log,
  });
}
