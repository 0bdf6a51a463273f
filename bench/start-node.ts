import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LadeNode } from '@lade/tour';
import type { BenchContext } from './benchmark.ts';

/** An empty node with an empty bucket in a folder; all of it goes with the node. */
export async function startNode({ packages, containerdVersion, signal }: BenchContext): Promise<LadeNode> {
  signal.throwIfAborted();
  const folder = await mkdtemp(join(tmpdir(), 'lade-bench-'));
  return LadeNode.start({ folder, bucketUrl: `file://${folder}/bucket`, packages, containerdVersion });
}
