import { randomUUID } from 'node:crypto';
import type { NodeGarbage, NodeGarbageRequest } from '@lade/control-protocol';
import { isCodedError } from '@lade/errors';
import type { LayerRow } from '@lade/residency';
import type { ContainerdNode } from './containerd-node.ts';
import type { Platform } from './open-platform.ts';

type GarbageParts = Pick<Platform, 'layers' | 'snapshots' | 'snapshotter' | 'uploads'> & {
  readonly node: ContainerdNode;
};

/**
 * What no snapshot of this node needs, removed unless this is a dry run; before that containerd has to remove the snapshots that it needs no
 * more. What the bucket still has to get stays.
 */
export async function collectNodeGarbage(
  { layers, snapshots, snapshotter, uploads, node }: GarbageParts,
  { dryRun }: NodeGarbageRequest,
  signal: AbortSignal,
): Promise<NodeGarbage> {
  const [had, snapshotsBefore] = [layers.list(), snapshots().length];
  const askedContainerd = !dryRun && (await askContainerd(node, signal));
  if (!dryRun) await snapshotter.cleanup({ signal });
  const needed = new Set(snapshots().map(({ diffId }) => diffId));
  const waiting = had.filter(({ diffId }) => !needed.has(diffId) && uploads.isWaiting(diffId));
  const isGarbage = (row: LayerRow): boolean =>
    dryRun ? !needed.has(row.diffId) && !waiting.includes(row) : !layers.has(row.diffId);
  return {
    dryRun,
    askedContainerd,
    snapshots: Math.max(0, snapshotsBefore - snapshots().length),
    layers: had.filter(isGarbage).map(describe),
    waiting: waiting.map(describe),
  };
}

/** Has containerd collect its own garbage, as the end of any lease does; false where it is not reached. */
async function askContainerd(node: ContainerdNode, signal: AbortSignal): Promise<boolean> {
  try {
    await node.collectGarbage(`lade-gc-${randomUUID()}`, signal);
    return true;
  } catch (reason) {
    if (!isCodedError(reason, 'unavailable')) throw reason;
    return false;
  }
}

function describe({ diffId, diskBytes }: LayerRow): NodeGarbage['layers'][number] {
  return { diffId, diskBytes };
}
