import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlSocketPath } from '@lade/control-protocol';
import { startOrigin } from '@lade/sandbox';
import { askControl, type ControlAsker, type Line } from './ask-control.ts';
import { Testbed, inSteps, needsRoot } from './testbed.ts';

/*
 * Every operation of openapi.yaml is asked of a daemon that works, and what it answers has to be what is described, field by field.
 */
const FLAGS = ['--http', '127.0.0.1:0', '--record-starts', 'on', '--record-node', 'on'];
const ID = `control-api-${process.pid}`;
const CONTAINER = { path: { id: ID } };

test('a daemon that works answers everything as openapi.yaml describes it', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const step = inSteps(t);
  const busybox = await bed.image('busybox');
  await using origin = await startOrigin([busybox.layout]);
  const image = `${origin.address}/${busybox.name}`;
  const node = await bed.node('node', await bed.bucket('S3'), '2.1', FLAGS);
  const api = askControl(controlSocketPath(node.address));
  let layer = {};

  await step('an image is pulled, and known', async () => {
    assert.equal((await api.ask('pull', { body: { image } }))?.['kind'], 'restored');
    await node.uploaded();
    await node.publishes(image);
    const { images } = (await api.ask('images')) as { images: Line[] };
    assert.equal(images.length, 1);
    assert.equal((await api.ask('verify', { body: { image } }))?.['kind'], 'verified');
  });

  await step('a container is run and looked into', async () => {
    await api.ask('run', {
      body: { image, id: ID, args: ['busybox', 'sh', '-c', 'echo hello; sleep 1000'], detach: true },
    });
    await askAboutContainer(api);
  });

  await step('its layers are looked at', async () => {
    const { layers } = (await api.ask('layers')) as { layers: { diffId: string }[] };
    layer = { path: { diffId: layers[0]?.diffId ?? '' } };
    await api.ask('layer', layer);
    await api.ask('layerFiles', layer);
    await api.ask('layerActivity', { ...layer, line: ({ kind }) => kind !== 'reads' });
    const { snapshots } = (await api.ask('snapshots')) as { snapshots: Line[] };
    assert.ok(snapshots.length > layers.length);
    await askForTrace(api, layer);
  });

  await step('the node and the bucket are asked', async () => {
    await api.ask('status');
    await api.ask('console');
    await api.ask('namespaces');
    await api.ask('metrics');
    await api.ask('events', { query: { kind: 'bucket.' } });
    const { nodes } = (await api.ask('nodes')) as { nodes: Line[] };
    assert.equal(nodes.length, 1);
    await api.ask('bucket');
    await api.ask('bucketHistory', { query: { step: 'minute' } });
    const { objects } = (await api.ask('bucketObjects', { query: { prefix: 'layers/' } })) as {
      objects: Line[];
    };
    assert.ok(objects.length > 0);
  });

  await step('all of it is removed', async () => {
    await api.ask('stop', { ...CONTAINER, body: { seconds: 0 } });
    await api.ask('removeContainer', CONTAINER);
    await api.ask('removeImage', { query: { image } });
    await api.ask('forgetImage', { query: { image } });
    await api.ask('collectNodeGarbage', { body: { dryRun: true } });
    await api.ask('collectGarbage', { body: { dryRun: true } });
    assert.deepEqual(api.unasked(), []);
  });
});

async function askAboutContainer(api: ControlAsker): Promise<void> {
  const { containers } = (await api.ask('containers')) as { containers: Line[] };
  assert.deepEqual(
    containers.map(({ id, state }) => [id, state]),
    [[ID, 'running']],
  );
  await api.ask('container', CONTAINER);
  const read: string[] = [];
  await api.ask('logs', {
    ...CONTAINER,
    query: { follow: 'true' },
    line: ({ data }) => (read.push(String(data)), !read.includes(Buffer.from('hello\n').toString('base64'))),
  });
  const ended = await api.ask('exec', {
    ...CONTAINER,
    body: { args: ['busybox', 'cat'], terminal: true, columns: 80, rows: 24 },
    async line({ kind, session }) {
      if (kind !== 'session') return true;
      const path = { session: String(session) };
      await api.ask('sessionSize', { path, body: { columns: 100, rows: 30 } });
      await api.ask('sessionInput', { path, body: Buffer.from('hi\n\u0004') });
      return true;
    },
  });
  assert.deepEqual(ended, { kind: 'exited', exitStatus: 0 });
}

/** It is recorded when nothing new was read for a while. */
async function askForTrace(
  api: ControlAsker,
  layer: { readonly path?: Record<string, string> },
): Promise<void> {
  for (;;) {
    const { chunks } = ((await api.ask('trace', layer).catch(() => undefined)) ?? {}) as { chunks?: Line[] };
    if (chunks) return assert.ok(chunks.length > 0);
    await sleep(200);
  }
}
