import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ContainerdClient } from '@lade/containerd-client';
import { chainIds } from '@lade/oci';
import { mountPointsBelow, startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { PRINT_TALL, writeTallImage } from './tall-image.ts';
import { Testbed, inSteps, needsRoot, readImage } from './testbed.ts';

/*
 * An image of as many layers as builders make, nearly all with corrections: one overlay mount names all of them in one
 * page. And one of more layers than that.
 */
const LAYERS = 128;
const CASES = [
  ['1.7', 'fuse'],
  ['2.1', 'auto'],
] as const;

for (const [version, fill] of CASES) {
  test(`${LAYERS} layers on containerd ${version}, fill ${fill}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const layout = await bed.makeFolder('layout');
    const name = 'tall:latest';
    await writeTallImage(layout, { name, layers: LAYERS, base: await bed.image('busybox') });
    const image = await readImage({ layout });
    const [chain = image.config] = chainIds(image.diffIds).slice(-1);
    const bucketUrl = await bed.bucket('directory');
    const first = await bed.node('first', bucketUrl, version, ['--fill', fill]);
    const second = await bed.node('second', bucketUrl, version, ['--fill', fill]);
    let reference = '';
    let tree = '';

    await step('the first node has the tree that overlayfs has', async () => {
      await using origin = await startOrigin([layout]);
      reference = `${origin.address}/${name}`;
      for (const snapshotter of ['overlayfs', 'lade'])
        await first.containerd.pull(reference, { snapshotter });
      tree = await first.ctr('run', '--rm', reference, `tall-${process.pid}-${version}`, ...PRINT_TALL);
      assert.match(tree, new RegExp(`^roof ${LAYERS - 2}$`, 'm'));
      assert.deepEqual(tree.match(/^only\/.*$/gm), [`only/${LAYERS - 2} ${LAYERS - 2}`]);
      assert.equal(await first.run(reference, ...PRINT_TALL), tree);
      await first.publishes(reference);
      await first.uploaded();
    });

    await step('a second node has it from the bucket alone', async () => {
      await second.ladeOrThrow('pull', reference);
      t.diagnostic(`${LAYERS} EROFS mounts and corrections: ${await timePrepare(second, chain)} ms`);
      t.diagnostic(`mounted already: ${await timePrepare(second, chain)} ms`);
      assert.equal((await mountPointsBelow(join(second.root, 'mounts'))).length, LAYERS);
      const started = performance.now();
      assert.equal(await second.run(reference, ...PRINT_TALL), tree);
      t.diagnostic(`ctr run: ${Math.round(performance.now() - started)} ms`);
    });
  });
}

test('an image of too many layers is refused with a reason and a cure', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const layout = await bed.makeFolder('layout');
  await writeTallImage(layout, { name: 'too-tall:latest', layers: 260, base: await bed.image('busybox') });
  await using origin = await startOrigin([layout]);
  const node = await bed.node('node', await bed.bucket('directory'), '2.1');
  await assert.rejects(
    node.containerd.pull(`${origin.address}/too-tall:latest`, { snapshotter: 'lade' }),
    /Cannot stack snapshot .*: its \d+ directories need \d+ bytes of mount options, of 4095.*fewer layers/,
  );
});

/** Milliseconds that Lade takes for the mounts of a container. */
async function timePrepare(node: LadeNode, parent: string): Promise<number> {
  using client = ContainerdClient.open({ address: node.containerd.address });
  return await client.withLease(async (leased) => {
    const snapshots = leased.snapshots('lade');
    const started = performance.now();
    await snapshots.prepare('timed', { parent });
    const took = performance.now() - started;
    await snapshots.remove('timed');
    return Math.round(took);
  });
}
