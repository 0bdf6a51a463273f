import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configureContainerd } from '@lade/containerd-config';
import type { DaemonEvent } from '@lade/control-protocol';
import { chainIds, hexOf, type Digest } from '@lade/oci';
import { startOrigin, type BuiltImage } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { Kubelet } from './kubelet.ts';
import { buildNoise } from './small-images.ts';
import { Testbed, inSteps, needsRoot, readImage } from './testbed.ts';

/*
 * Which of a containerd's calls belong together can be told as far as containerd says it: a kubelet's pulls by their lease, others
 * layer by layer, our own by what we have asked for. Its content is kept in our store.
 */
const LAYERS = 2;

for (const version of ['1.7', '2.1'] as const) {
  test(`calls that belong together have one id, containerd ${version}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const names = ['one', 'two', 'three', 'four'];
    const images = await Promise.all(names.map(async (name) => buildNoise(bed.folder, name, LAYERS)));
    await using origin = await startOrigin(images.map(({ layout }) => layout));
    const references = images.map(({ name }) => `${origin.address}/${name}`);
    const [one = '', two = '', three = '', four = ''] = references;
    const node = await bed.nodeWith('node', {
      bucketUrl: await bed.bucket('directory'),
      containerdVersion: version,
      flags: ['--shared-content', 'on'],
      kubernetes: true,
      configure: async (snapshotter) =>
        configureContainerd({ version, snapshotter, content: true, cri: true }),
    });

    await step('two pulls of a kubelet at once have two, down to the last upload', async () => {
      using kubelet = new Kubelet(node.containerd.address, await bed.makeFolder('logs'));
      await Promise.all([kubelet.pull(one), kubelet.pull(two)]);
      for (const reference of [one, two]) await node.publishes(reference);
      await node.uploaded();
      const events = await readEvents(node);
      const first = await onlyTraceOf(events, images[0], one);
      const second = await onlyTraceOf(events, images[1], two);
      assert.notEqual(first, second);
    });

    await step('a pull of another client has one for each layer', async () => {
      await node.containerd.pull(three, { snapshotter: 'lade' });
      await node.publishes(three);
      const events = await readEvents(node);
      const { diffIds } = await readImage(images[2] as BuiltImage);
      const layers = chainIds(diffIds).map((chain, i) =>
        tracesOf(events, ofLayer(chain, diffIds[i] as Digest)),
      );
      assert.ok(layers.every((traces) => traces.size === 1));
      assert.equal(new Set(layers.flatMap((traces) => [...traces])).size, LAYERS);
    });

    await step('lade pull has one, although containerd writes and unpacks for it', async () => {
      await node.ladeOrThrow('pull', four);
      await node.publishes(four);
      await node.uploaded();
      await onlyTraceOf(await readEvents(node), images[3], four);
    });
  });
}

type Tells = (event: DaemonEvent) => boolean;

/** Of all that is told of an image's layers, of their content, and of its name. */
async function onlyTraceOf(
  events: readonly DaemonEvent[],
  image: BuiltImage | undefined,
  reference: string,
): Promise<string> {
  const { layers, diffIds } = await readImage(image as BuiltImage);
  const ofLayers = chainIds(diffIds).flatMap((chain, i) => ofLayer(chain, diffIds[i] as Digest));
  const ofContent = layers.flatMap((digest): Tells[] => [
    ({ kind, ref }) => kind === 'containerd.content.write' && String(ref).endsWith(digest),
    ({ kind, key }) => kind === 'bucket.put' && key === contentKey(digest),
  ]);
  const published: Tells = ({ message, image: name }) => message === 'image published' && name === reference;
  const traces = tracesOf(events, [...ofLayers, ...ofContent, published]);
  assert.equal(traces.size, 1, `${[...traces].join(' ')} of ${reference}`);
  return [...traces][0] ?? '';
}

/** Prepare, Apply, Commit; and what has come of it. */
function ofLayer(chain: Digest, diffId: Digest): Tells[] {
  return [
    ({ kind, key }) => kind === 'containerd.snapshots.prepare' && String(key).endsWith(chain),
    ({ kind, name }) => kind === 'containerd.snapshots.commit' && String(name).endsWith(chain),
    ({ message, diffId: of }) => message === 'layer converted' && of === diffId,
    ({ message, chainId }) => message === 'layer published' && chainId === chain,
    ({ kind, key }) => kind === 'bucket.put' && key === `chains/sha256/${hexOf(chain)}`,
  ];
}

function contentKey(digest: Digest): string {
  return `content/sha256/${hexOf(digest)}`;
}

/** Everything that is looked for must have been told. */
function tracesOf(events: readonly DaemonEvent[], wanted: readonly Tells[]): Set<string> {
  const found = wanted.map((tells) => events.filter(tells));
  assert.ok(
    found.every((told) => told.length > 0),
    found.map(({ length }) => length).join(' '),
  );
  return new Set(found.flat().map((event) => String(event['traceId'])));
}

async function readEvents(node: LadeNode): Promise<DaemonEvent[]> {
  const lines = (await node.ladeOrThrow('events', '--json')).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as DaemonEvent);
}
