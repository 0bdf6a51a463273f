import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, utimes } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ControlClient, controlSocketPath, type GarbageEvent, type LayerEvent } from '@lade/control-protocol';
import { startOrigin } from '@lade/sandbox';
import { Testbed, inSteps, listObjects, needsRoot, readImage } from './testbed.ts';

/*
 * Two images in one bucket; one is forgotten while a node runs it, and garbage is collected.
 */
test(
  'a bucket forgets an image: who runs it goes on, what stays can be pulled, and at last all of it goes',
  needsRoot,
  async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const [kept, gone] = [await bed.image('busybox'), await bed.image('python')];
    const bucketUrl = await bed.bucket('directory');
    const folder = join(bed.folder, 'bucket');
    await using origin = await startOrigin([kept.layout, gone.layout]);
    const [keptName, goneName] = [kept, gone].map(({ name }) => `${origin.address}/${name}`) as [
      string,
      string,
    ];
    const publisher = await bed.node('publisher', bucketUrl, '2.1');
    const runner = await bed.node('runner', bucketUrl, '2.1');
    const { diffIds } = await readImage(gone);
    const id = `lade-${process.pid}-garbage`;
    const exec = async (name: string): Promise<string> =>
      runner.ctr('tasks', 'exec', '--exec-id', name, id, 'python3', '-c', 'import json; print(6*7)');
    using client = ControlClient.open(controlSocketPath(runner.address));

    await step('one node publishes both, another runs the one that will go', async () => {
      for (const name of [keptName, goneName]) {
        await publisher.containerd.pull(name, { snapshotter: 'lade' });
        await publisher.publishes(name);
      }
      await publisher.uploaded();
      assert.equal((await runner.lade('pull', goneName)).code, 0);
      await runner.ctr('run', '--detach', '--snapshotter', 'lade', goneName, id, 'sleep', '1000');
    });

    await step('its layers can be looked at while they come', async () => {
      const [diffId] = diffIds;
      const map = await client.layerMap(String(diffId));
      const files = (await Array.fromAsync(client.layerFiles(String(diffId)))).flatMap((some) => some.files);
      assert.ok(files.length > 100 && files.some(({ path }) => path.includes('bin/')));
      const chunks = Buffer.from(map.chunkBytes, 'base64').byteLength / 4;
      assert.equal(Buffer.from(map.resident, 'base64').byteLength, Math.ceil(chunks / 8));
      const kinds: LayerEvent['kind'][] = [];
      for await (const { kind } of client.layerActivity(String(diffId))) {
        kinds.push(kind);
        if (kind === 'reads') break;
      }
      assert.deepEqual(kinds, ['resident', 'reads']);
      assert.ok((await client.snapshots()).some((snapshot) => snapshot.diffId === diffId));
      const { kinds: inBucket } = await client.bucket.contents();
      assert.ok(inBucket.some(({ kind, objects }) => kind === 'packs' && objects > 0));
      const metrics = await readMetrics(controlSocketPath(runner.address));
      assert.match(metrics, /^lade_layer_resident_bytes \d+$/m);
      assert.match(metrics, /^lade_info\{version="[\d.]+",fill="\w+"\} 1$/m);
      const { objects } = await client.bucket.objects({ prefix: 'chains/' });
      assert.ok(objects.length >= diffIds.length);
    });

    await step(
      'the image is forgotten and everything old; the container goes on, whatever it reads',
      async () => {
        await publisher.ctr('images', 'remove', '--sync', goneName);
        await publisher.stopDaemon();
        await publisher.startDaemon();
        assert.equal((await runner.lade('rmi', '--bucket', goneName)).code, 0);
        await makeOld(folder);
        const before = await listObjects(bucketUrl);
        const events = await collect(client);
        const removed = events.flatMap((event) => (event.kind === 'removed' ? [event.key] : []));
        // Its manifest and config, which no container needs.
        assert.ok(removed.length > 0 && removed.every((key) => key.startsWith('content/')), removed.join());
        assert.equal(await exec('after'), '42\n');
        const indexes = (await listObjects(bucketUrl)).filter(({ key }) => key.startsWith('layers/'));
        assert.equal(indexes.length, before.filter(({ key }) => key.startsWith('layers/')).length);
      },
    );

    await step('a third node pulls what stays, and has never heard of the other', async () => {
      const third = await bed.node('third', bucketUrl, '2.1');
      assert.equal((await third.lade('pull', keptName)).code, 0);
      const { code, stderr } = await third.lade('pull', '--from', 'bucket', goneName);
      assert.deepEqual([code, stderr.includes('Cannot find image')], [1, true], stderr);
    });

    await step('when no node uses it any more, it goes', async () => {
      await runner.ctr('tasks', 'delete', '--force', id);
      await runner.ctr('containers', 'delete', id);
      await runner.ctr('images', 'remove', '--sync', goneName);
      // Both tell what they use when they start.
      for (const node of [runner, publisher]) {
        await node.stopDaemon();
        await node.startDaemon();
      }
      await makeOld(folder);
      const events = await collect(client);
      assert.ok(events.some((event) => event.kind === 'removed' && event.key.startsWith('packs/')));
      const keys = (await listObjects(bucketUrl)).map(({ key }) => key);
      const { diffIds: needed } = await readImage(kept);
      assert.equal(keys.filter((key) => key.startsWith('layers/')).length, needed.length);
    });
  },
);

async function collect(client: ControlClient): Promise<GarbageEvent[]> {
  return Array.fromAsync(client.bucket.collectGarbage({ dryRun: false, graceDays: 1 }));
}

async function readMetrics(socketPath: string): Promise<string> {
  const [response] = (await once(get({ socketPath, path: '/metrics' }), 'response')) as [IncomingMessage];
  assert.equal(response.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  return text(response);
}

/** Dates all but what nodes use two days back. */
async function makeOld(folder: string): Promise<void> {
  const then = new Date(Date.now() - 2 * 86_400_000);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !path.includes('/refs/nodes/')) await utimes(path, then, then);
  }
}
