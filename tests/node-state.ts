import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
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

/** No layer, no snapshot, no mount, nothing half done; what is ready for the next snapshot may be. */
export async function assertNodeEmpty(node: LadeNode): Promise<void> {
  assert.deepEqual(await mountPointsBelow(join(node.root, 'mounts')), []);
  for (const folder of ['layers', 'mounts', 'fixes'])
    assert.deepEqual(await readdir(join(node.root, folder)), [], folder);
  const [ready = 'new-', ...others] = await readdir(join(node.root, 'snapshots'));
  assert.ok(ready.startsWith('new-') && others.length === 0, `${ready} ${others.join(' ')}`);
  assert.deepEqual(JSON.parse(await node.ladeOrThrow('layers', '--json')), []);
}
