import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Status } from '@lade/control-protocol';
import { mountPointsBelow } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { waitUntil } from './testbed.ts';

/** Has containerd let go of all images, and of what failed pulls have left, and waits until the node has no layer. */
export async function clearNode(node: LadeNode): Promise<void> {
  await waitUntil('the node is empty', async () => {
    const images = (await node.ctr('images', 'list', '--quiet')).split('\n').filter((name) => name !== '');
    if (images.length > 0) await node.ctr('images', 'remove', '--sync', ...images);
    // It fails when containerd's own garbage collection is faster; the next round tells.
    await node.containerd.ctr('content', 'prune', 'references');
    return (await readdir(join(node.root, 'layers'))).length === 0;
  });
}

/** Names in the folder of the snapshots' directories, but for an empty one that may be ready for the next. */
export async function listSnapshots({ root }: LadeNode): Promise<string[]> {
  const folder = join(root, 'snapshots');
  const names = await readdir(folder);
  const ready = names.find((name) => name.startsWith('new-'));
  const content = ready === undefined ? [] : await readdir(join(folder, ready), { recursive: true });
  assert.deepEqual(new Set(content).difference(new Set(['fs', 'work'])), new Set());
  return names.filter((name) => name !== ready);
}

/** No layer, no snapshot, no mount, nothing half done. */
export async function assertNodeEmpty(node: LadeNode): Promise<void> {
  assert.deepEqual(await mountPointsBelow(join(node.root, 'mounts')), []);
  for (const folder of ['layers', 'mounts', 'fixes', 'mapped'])
    assert.deepEqual(await readdir(join(node.root, folder)), [], folder);
  assert.deepEqual(await listSnapshots(node), []);
  assert.deepEqual(JSON.parse(await node.ladeOrThrow('layers', '--json')), []);
}

/** Layers of images that this node keeps as files. */
export async function countPlainSnapshots(node: LadeNode): Promise<number> {
  return (JSON.parse(await node.ladeOrThrow('status', '--json')) as Status).plainSnapshots;
}
