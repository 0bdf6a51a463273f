import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { assertNodeEmpty } from './node-state.ts';
import { OWN_LAYERS, SHARED_LAYERS, assembleRelated } from './related-images.ts';
import { Testbed, inSteps, listObjects, needsRoot, waitUntil } from './testbed.ts';

/*
 * Several namespaces and several clients on one node: containerd keeps each namespace's snapshots apart, we keep each layer once.
 */
const IMAGES = 10;
const REMOVED = 5;

for (const version of ['1.7', '2.1'] as const) {
  test(`namespaces and garbage collection, containerd ${version}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const images = await assembleRelated(join(bed.folder, 'images'), IMAGES);
    await using origin = await startOrigin(images.map(({ layout }) => layout));
    const references = images.map(({ name }) => `${origin.address}/${name}`);
    const [first = '', ...others] = references;
    const bucketUrl = await bed.bucket('directory');
    const node = await bed.node('node', bucketUrl, version);

    await step('an image of two namespaces has its layers once', async () => {
      for (const namespace of ['one', 'two']) await pull(node, namespace, first);
      assert.equal(await countLayers(node), SHARED_LAYERS + OWN_LAYERS);
      assert.deepEqual(await Promise.all([read(node, 'one', first), read(node, 'two', first)]), [
        BYTES,
        BYTES,
      ]);
    });

    await step('an image that is removed in one namespace lives on in the other', async () => {
      await remove(node, 'one', first);
      assert.equal(await read(node, 'two', first), BYTES);
      assert.equal(await countLayers(node), SHARED_LAYERS + OWN_LAYERS);
      await remove(node, 'two', first);
      await waitUntil('the layers are gone', async () => (await countLayers(node)) === 0);
    });

    await step('ten images come at once, by ctr itself and by the transfer service', async () => {
      const ways = version === '1.7' ? [[]] : [['--local'], []];
      await Promise.all(
        references.map(async (reference, n) =>
          pull(node, n % 2 ? 'one' : 'two', reference, ways[n % ways.length]),
        ),
      );
      assert.equal(await countLayers(node), SHARED_LAYERS + OWN_LAYERS * IMAGES);
    });

    await step(
      'garbage collection takes the layers of five, and no layer that another image has',
      async () => {
        const gone = others.slice(0, REMOVED);
        for (const reference of gone) await remove(node, namespaceOf(references, reference), reference);
        const left = SHARED_LAYERS + OWN_LAYERS * (IMAGES - REMOVED);
        await waitUntil('ten layers are gone', async () => (await countLayers(node)) === left);
        for (const reference of references.filter((each) => !gone.includes(each)))
          assert.equal(await read(node, namespaceOf(references, reference), reference), BYTES);
      },
    );

    await step('without images the node is empty, and the bucket has everything', async () => {
      await node.uploaded();
      const before = (await listObjects(bucketUrl)).filter(({ key }) => !key.startsWith('refs/'));
      for (const namespace of ['one', 'two'])
        for (const reference of await list(node, namespace)) await remove(node, namespace, reference);
      await waitUntil('the layers are gone', async () => (await countLayers(node)) === 0);
      await assertNodeEmpty(node);
      const after = (await listObjects(bucketUrl)).filter(({ key }) => !key.startsWith('refs/'));
      assert.deepEqual(after, before);
    });
  });
}

/** Bytes that a container reads from its four layers of noise. */
const BYTES = '4000000\n';

function namespaceOf(references: readonly string[], reference: string): string {
  return references.indexOf(reference) % 2 ? 'one' : 'two';
}

async function pull(
  node: LadeNode,
  namespace: string,
  reference: string,
  flags: readonly string[] = [],
): Promise<void> {
  const options = ['--plain-http', '--snapshotter', 'lade', ...flags];
  await node.ctr('--namespace', namespace, 'images', 'pull', ...options, reference);
}

async function remove(node: LadeNode, namespace: string, reference: string): Promise<void> {
  await node.ctr('--namespace', namespace, 'images', 'remove', '--sync', reference);
}

async function list(node: LadeNode, namespace: string): Promise<string[]> {
  const lines = (await node.ctr('--namespace', namespace, 'images', 'list', '--quiet')).split('\n');
  return lines.filter((line) => line !== '');
}

async function read(node: LadeNode, namespace: string, reference: string): Promise<string> {
  const id = `r${process.hrtime.bigint().toString(36)}`;
  const script = 'busybox cat /layer-*/file-* | busybox wc -c';
  const command = ['busybox', 'sh', '-c', script];
  return node.ctr(
    '--namespace',
    namespace,
    'run',
    '--rm',
    '--snapshotter',
    'lade',
    reference,
    id,
    ...command,
  );
}

async function countLayers(node: LadeNode): Promise<number> {
  return (JSON.parse(await node.ladeOrThrow('layers', '--json')) as unknown[]).length;
}
