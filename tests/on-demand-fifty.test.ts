import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '@lade/control-protocol';
import { readMounts } from '@lade/linux';
import { readAgain, startOrigin, startS3StandIn } from '@lade/sandbox';
import { Testbed, needsRoot, readImage, standInUrl } from './testbed.ts';

/* Many containers of one image at once on a node that has nothing of it: every chunk is fetched once, every layer mounted once. */
const CONTAINERS = 50;

test('fifty containers of one image start at once', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const image = await bed.image('python');
  await using origin = await startOrigin([image.layout]);
  await using store = await startS3StandIn(await bed.makeFolder('store'));
  const bucketUrl = standInUrl(store.address);
  const reference = `${origin.address}/${image.name}`;
  const publisher = await bed.node('publisher', bucketUrl, '2.1');
  await publisher.containerd.pull(reference, { snapshotter: 'lade' });
  await publisher.uploaded();
  await publisher.publishes(reference);
  await publisher[Symbol.asyncDispose]();

  for (const fill of ['fanotify', 'fuse'] as const) {
    await t.test(fill, async (t) => {
      const node = await bed.node(fill, bucketUrl, '2.1', ['--fill', fill]);
      await node.ladeOrThrow('pull', reference);
      const asked = store.requests().length;
      const command = ['python3', '-c', 'import json; print(6*7)'];
      const run = async (): Promise<string> => node.run(reference, ...command);
      const answers = await Promise.all(Array.from({ length: CONTAINERS }, run));
      assert.deepEqual(answers, Array(CONTAINERS).fill('42\n'));
      const reads = store
        .requests()
        .slice(asked)
        .filter(({ key }) => key.startsWith('packs/'));
      t.diagnostic(`${reads.length} requests, ${reads.reduce((sum, { bytes }) => sum + bytes, 0)} bytes`);
      assert.ok(reads.length > 0);
      const { residency } = JSON.parse(await node.ladeOrThrow('status', '--json')) as Pick<
        Status,
        'residency'
      >;
      // A second request beside a slow one asks for the same on purpose.
      assert.ok(readAgain(reads).requests <= residency.hedges + residency.retries, JSON.stringify(residency));
      const mounts = (await readMounts()).filter(
        ({ type, mountPoint }) => type === 'erofs' && mountPoint.startsWith(`${node.root}/mounts/`),
      );
      assert.equal(mounts.length, (await readImage(image)).restored.layers);
      await node[Symbol.asyncDispose]();
    });
  }
});
