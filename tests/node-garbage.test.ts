import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ControlClient,
  controlSocketPath,
  type NodeGarbage,
  type SnapshotSummary,
} from '@lade/control-protocol';
import { startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import { layersOf } from './on-demand-site.ts';
import { Testbed, needsRoot, waitUntil } from './testbed.ts';
import { openLink } from './unsteady-link.ts';

/* lade gc without --bucket: what this node has and nothing on it needs. The bucket is an S3 server that can be out of reach. */
test(
  'lade gc frees a node of what nothing on it needs, but of nothing that the bucket lacks',
  needsRoot,
  async (t) => {
    await using bed = await Testbed.open(t);
    const layout = await bed.makeFolder('layout');
    await writeLayout(layout, {
      'kept:latest': [gzipLayer(soundTar(1)), gzipLayer(soundTar(2))],
      'gone:latest': [gzipLayer(soundTar(1)), gzipLayer(soundTar(3))],
      'late:latest': [gzipLayer(soundTar(4))],
    });
    await using origin = await startOrigin([layout]);
    const url = new URL(await bed.bucket('S3'));
    await using link = await openLink(url.searchParams.get('endpoint') ?? '');
    url.searchParams.set('endpoint', link.endpoint);
    const node = await bed.node('node', url.href, '2.1');
    const name = (image: string): string => `${origin.address}/${image}:latest`;
    const pull = async (image: string): Promise<unknown> =>
      node.containerd.pull(name(image), { snapshotter: 'lade' });
    await pull('kept');
    const before = (await snapshotsOf(node)).map(({ key }) => key);
    await pull('gone');
    await node.uploaded();
    assert.deepEqual(await idle(node), { layers: 3, removed: 0 }, 'nothing is garbage');

    const top = (await snapshotsOf(node)).find(({ key }) => !before.includes(key)) ?? assert.fail();
    await node.ctr('snapshots', '--snapshotter', 'lade', 'remove', top.key.split('/').at(-1) ?? '');
    // containerd has forgotten it, and removes it at its next collection, which may be sooner.
    assert.match(
      await node.ladeOrThrow('gc'),
      /^(?:removed sha256:.*\n)?removed: [01] layers, .* snapshots\n$/,
    );
    assert.deepEqual([(await layersOf(node)).length, (await snapshotsOf(node)).length], [2, 2]);

    await pull('gone');
    await node.ctr('images', 'remove', name('gone'));
    const { layers, waiting, askedContainerd } = await gc(node);
    assert.ok(askedContainerd);
    assert.deepEqual(waiting, []);
    // containerd may have been faster.
    assert.ok(layers.length <= 1 && layers.every(({ diskBytes }) => diskBytes > 0), JSON.stringify(layers));
    assert.deepEqual([(await layersOf(node)).length, (await snapshotsOf(node)).length], [2, 2]);

    link.cut();
    await pull('late');
    await node.ctr('images', 'remove', name('late'));
    const kept = await gc(node);
    assert.deepEqual([kept.layers, kept.waiting.length], [[], 1]);
    assert.equal((await layersOf(node)).length, 3);
    const told = await node.ladeOrThrow('gc', '--dry-run');
    assert.match(told, /^garbage: 0 layers, 0 B\nkept until they are uploaded: 1 layers, /);
    link.repair();
    await node.uploaded();
    await waitUntil('what waited is gone', async () => (await layersOf(node)).length === 2);
  },
);

async function gc(node: LadeNode, ...flags: readonly string[]): Promise<NodeGarbage> {
  return JSON.parse(await node.ladeOrThrow('gc', '--json', ...flags)) as NodeGarbage;
}

/** How many layers there are, and how many of them would go and go. */
async function idle(node: LadeNode): Promise<{ readonly layers: number; readonly removed: number }> {
  const found = [await gc(node, '--dry-run'), await gc(node)];
  const removed = found.reduce((sum, { layers }) => sum + layers.length, 0);
  return { layers: (await layersOf(node)).length, removed };
}

async function snapshotsOf(node: LadeNode): Promise<readonly SnapshotSummary[]> {
  using client = ControlClient.open(controlSocketPath(node.address));
  return await client.snapshots();
}
