import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LadeNode, type NodeOptions } from '@lade/tour';
import type { BenchContext } from './benchmark.ts';

/** An empty node; on an empty bucket in a folder, unless another is given. All of it goes with the node. */
export async function startNode(
  context: BenchContext,
  bucketUrl?: string,
  more: Pick<NodeOptions, 'content'> = {},
): Promise<LadeNode> {
  const { packages, containerdVersion, flags, signal } = context;
  signal.throwIfAborted();
  const folder = await mkdtemp(join(tmpdir(), 'lade-bench-'));
  const bucket = { bucketUrl: bucketUrl ?? `file://${folder}/bucket` };
  return LadeNode.start({ folder, packages, containerdVersion, flags, ...bucket, ...more });
}
