import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSlowLink, startObsStandIn, startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import { KeySource } from './key-source.ts';
import { clearNode } from './node-state.ts';
import { layersOf, statusOf } from './on-demand-site.ts';
import { Testbed, waitUntil } from './testbed.ts';

export interface RotationOptions {
  /** How the nodes that start and publish reach the store; the node that reads on does it the other way. */
  readonly scheme: Scheme;
  /** Of a key. The next one is there when a third of it is left. */
  readonly lifetimeMs: number;
  readonly durationMs: number;
  /** One of so many files is read. */
  readonly everyFile: number;
  /** In the middle, as long as keys still hold. */
  readonly outageMs: number;
  /** What the clock of the store is ahead of the nodes'. */
  readonly clockAheadMs?: number;
  /** Of each image that is converted, on a link so slow that its upload outlives a key. */
  readonly uploadBytes: number;
}

type Scheme = 'obs' | 's3';

/** How a key reaches a node: by the metadata service for OBS, by a command for S3. */
const PARAMETERS = {
  obs: () => '',
  s3: (file: string) =>
    `&path-style=true&region=somewhere&credentials-command=${encodeURIComponent(`cat '${file}'`)}`,
} as const;
const OTHER = { obs: 's3', s3: 'obs' } as const;

/** Reads every so-many-th file of the image, whole, and spreads that over so many seconds. */
const READ_ALL = `
import hashlib, os, sys, time
paths = [os.path.join(folder, name) for folder, _, names in os.walk('/usr') for name in names]
paths = sorted(path for path in paths if not os.path.islink(path))[::int(sys.argv[2])]
digest = hashlib.sha256()
for path in paths:
    with open(path, 'rb') as file: digest.update(path.encode() + file.read())
    time.sleep(float(sys.argv[1]) / len(paths))
print(len(paths), digest.hexdigest())`;
type Reading = (overMs: number) => readonly string[];
/** Long enough to be in everybody's way, and shorter than --read-deadline. */
const LAPSE_MS = 5_000;

/**
 * Starts containers cold, one after the other, has another one read all the time what is not here yet, and converts and uploads other
 * images, while keys end and are renewed, and while for some time nobody tells the new ones. All read what the node that converted it
 * reads, and nothing falls back to the registry. In the end keys end and nobody renews them: who reads waits.
 */
export async function runUnderRotation(t: TestContext, options: RotationOptions): Promise<void> {
  const { scheme, lifetimeMs, durationMs, outageMs, everyFile, clockAheadMs = 0, uploadBytes } = options;
  const read: Reading = (overMs) => ['python3', '-B', '-c', READ_ALL, `${overMs / 1000}`, `${everyFile}`];
  await using bed = await Testbed.open(t);
  const folder = await bed.makeFolder('store');
  await using source = await KeySource.open({ folder: await bed.makeFolder('keys'), clockAheadMs });
  const { keys, now } = source;
  await using store = await startObsStandIn({ folder, bucket: 'lade', keys, now });
  await using link = await openSlowLink(store.address, {
    roundTripMs: 1,
    bitsPerSecond: (8 * uploadBytes) / ((1.5 * lifetimeMs) / 1000),
  });
  const node = async (name: string, by: Scheme, address = store.address): Promise<LadeNode> =>
    bed.nodeWith(name, {
      bucketUrl: `${by}://lade/below?endpoint=http://localhost:${address.split(':')[1]}${PARAMETERS[by](source.file)}`,
      containerdVersion: '2.1',
      flags: ['--background-rate', '0'],
      env: { ...process.env, HUAWEICLOUD_SDK_METADATA_ENDPOINT: source.metadata },
    });
  await using rotation = await rotate(source, lifetimeMs);
  const image = await bed.image('python');
  await using origin = await startOrigin([image.layout]);
  const reference = `${origin.address}/${image.name}`;
  const [starter, reader, publisher] = await Promise.all([
    node('starter', scheme),
    node('reader', OTHER[scheme]),
    node('publisher', scheme, link.address),
  ]);
  await starter.containerd.pull(reference, { snapshotter: 'lade' });
  await starter.publishes(reference);
  await starter.uploaded();
  const expected = await starter.run(reference, ...read(0));

  const place: Place = { reference, read, expected, until: Date.now() + durationMs };
  const [starts, uploaded] = await Promise.all([
    startCold(starter, place),
    convert(publisher, { ...place, layouts: await bed.makeFolder('layouts'), uploadBytes }),
    readOnce(reader, place, durationMs),
    sleep(durationMs / 2).then(async () => rotation.outage(outageMs)),
  ]);
  await clearNode(reader);
  await reader.ladeOrThrow('pull', reference);
  await rotation.lapse();
  const reading = reader.run(reference, ...read(0));
  await sleep(LAPSE_MS);
  await source.endOutage();
  assert.equal(await reading, expected);

  for (const name of uploaded) {
    await reader.ladeOrThrow('pull', name);
    await reader.ladeOrThrow('verify', name);
  }
  const refused = store.requests().filter(({ status }) => status === 403 || status === 400).length;
  t.diagnostic(
    `${source.made} keys, ${starts} starts, ${uploaded.length} uploads, ${refused} requests refused`,
  );
  // What the outage cuts off cannot be aborted without a key either.
  assert.ok(store.uploads().length <= 1);
  for (const each of [starter, reader, publisher]) await assertUnnoticed(each);
  // Who publishes may send one part for longer than a key holds, asks for no other meanwhile, and has its queue try again.
  for (const each of [starter, reader])
    assert.doesNotMatch(await readFile(each.logFile, 'utf8'), /bucket lookup failed/);
}

interface Place {
  readonly reference: string;
  readonly read: Reading;
  /** What it prints. */
  readonly expected: string;
  /** Milliseconds since 1970. */
  readonly until: number;
}

interface Rotation extends AsyncDisposable {
  /** Lasts so long, and begins when every node that works has a new key. */
  outage(outageMs: number): Promise<void>;
  /** Begins an outage, and waits until no key is left that anybody knows. */
  lapse(): Promise<void>;
}

/** Has the next key made when a third of the last one's time is left. */
async function rotate(source: KeySource, lifetimeMs: number): Promise<Rotation> {
  const stop = new AbortController();
  await source.renew(lifetimeMs);
  const turn = async (): Promise<void> => {
    while (await sleep((lifetimeMs * 2) / 3, true, { signal: stop.signal }).catch(() => false))
      await source.renew(lifetimeMs);
  };
  const turning = turn();
  return {
    async outage(outageMs) {
      const { made } = source;
      await waitUntil('there is another key', async () => source.made > made);
      // Nodes look once a second at most.
      await sleep(1_100);
      await source.beginOutage();
      await sleep(outageMs);
      await source.endOutage();
    },
    async lapse() {
      await source.beginOutage();
      await sleep(lifetimeMs);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await turning;
    },
  };
}

/** How often there was time for it. By turns containerd and we ourselves say what is to come from the bucket. */
async function startCold(node: LadeNode, { reference, read, expected, until }: Place): Promise<number> {
  let starts = 0;
  for (; Date.now() < until; starts++) {
    await clearNode(node);
    if (starts % 2 === 0) await node.ladeOrThrow('pull', reference);
    else await node.containerd.pull(reference, { snapshotter: 'lade' });
    assert.equal(await node.run(reference, ...read(0)), expected);
    for (const { diffId, origin } of await layersOf(node)) assert.equal(origin, 'fetched', diffId);
  }
  return starts;
}

async function readOnce(node: LadeNode, { reference, read, expected }: Place, overMs: number): Promise<void> {
  await node.ladeOrThrow('pull', reference);
  assert.equal(await node.run(reference, ...read(overMs)), expected);
}

/** The names of the images for which there was time. */
async function convert(
  node: LadeNode,
  { until, layouts, uploadBytes }: Place & { readonly layouts: string; readonly uploadBytes: number },
): Promise<readonly string[]> {
  const names: string[] = [];
  while (Date.now() < until) {
    const name = `new-${names.length}:latest`;
    const layout = join(layouts, String(names.length));
    await writeLayout(layout, { [name]: [gzipLayer(soundTar(names.length, uploadBytes))] });
    await using origin = await startOrigin([layout]);
    const reference = `${origin.address}/${name}`;
    await node.containerd.pull(reference, { snapshotter: 'lade' });
    await node.uploaded();
    await node.publishes(reference);
    names.push(reference);
  }
  return names;
}

async function assertUnnoticed(node: LadeNode): Promise<void> {
  const { failedChunks, verificationFailures } = (await statusOf(node)).residency;
  assert.deepEqual({ failedChunks, verificationFailures }, { failedChunks: 0, verificationFailures: 0 });
  const log = await readFile(node.logFile, 'utf8');
  assert.ok(log.split('credentials found').length > 3, 'the node has had three keys at least');
}
