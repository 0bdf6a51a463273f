import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { CodedError } from '@lade/errors';
import {
  NO_CHAIN_KEYS,
  chainKey,
  indexKey,
  packKey,
  parseChainKey,
  readIndex,
  type ChainKeys,
} from '@lade/layers';
import { createLogger } from '@lade/log';
import { digestOf, type Digest } from '@lade/oci';
import { fromBytes } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding } from '@lade/tar';
import { RemoteLayers } from './remote-layers.ts';
import { noise, openTestNode, watchGets, type TestNode } from './testing/test-node.ts';

const PARENT = digestOf('parent chain');

interface World extends AsyncDisposable {
  readonly bucket: Bucket;
  readonly diffId: Digest;
  readonly chain: Digest;
  /** A node that has no layer yet. */
  readonly empty: TestNode;
  /** What it logged. */
  readonly log: string[];
  remote(bucket?: Bucket, keys?: ChainKeys): RemoteLayers;
}

/** A bucket with one layer on top of PARENT, and an empty node. */
async function publish(keys: ChainKeys = NO_CHAIN_KEYS): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const bucket = stack.use(await openBucket('memory:'));
  const publisher = stack.use(await openTestNode(bucket));
  const empty = stack.use(await openTestNode(bucket));
  const header = encodeTarEntry({ path: 'f', kind: 'file', sizeBytes: 600_000 });
  const tar = Buffer.concat([header, noise(7, 600_000), tarPadding(600_000), TAR_END]);
  const { diffId } = stack.use(await publisher.layers.convert(fromBytes(tar), {}));
  const chain = await publisher.publish(diffId, PARENT, keys);
  const log: string[] = [];
  const owned = stack.move();
  return {
    bucket,
    diffId,
    chain,
    empty,
    log,
    remote: (ours = bucket, trusted = NO_CHAIN_KEYS) =>
      new RemoteLayers({
        claim: async () => true,
        bucket: ours,
        keys: trusted,
        layers: empty.layers,
        log: createLogger((line) => log.push(line)),
      }),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

async function tamper(
  bucket: Bucket,
  key: string,
  change: (bytes: Buffer) => Uint8Array,
): Promise<() => Promise<unknown>> {
  const bytes = Buffer.concat(await Array.fromAsync((await bucket.get(key)).body));
  await bucket.put(key, change(Buffer.from(bytes)));
  return async () => bucket.put(key, bytes);
}

function newKeys(): ChainKeys {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const { signer, trusted } = parseChainKey(pem.toString(), 'key');
  return { ...(signer ? { signer } : {}), trusted: [trusted] };
}

test('a published layer is fetched and pinned; the next time it is there', async () => {
  await using world = await publish();
  const remote = world.remote();
  using layer = await remote.find(world.chain, PARENT);
  assert.equal(layer?.diffId, world.diffId);
  await world.empty.layers.retain(() => false);
  assert.ok(world.empty.layers.has(world.diffId));
  using _ = await remote.find(world.chain, PARENT);
  assert.equal(world.empty.fills.length, 1);
});

test('what is not published, or on another parent, is a miss', async () => {
  await using world = await publish();
  const remote = world.remote();
  assert.equal(await remote.find(digestOf('unknown'), PARENT), undefined);
  assert.equal(await remote.find(world.chain, undefined), undefined);
  assert.equal(await remote.find(world.chain, digestOf('another parent')), undefined);
  assert.deepEqual(world.empty.layers.list(), []);
});

test('asked for a layer on any parent, it tells the one that is recorded', async () => {
  await using world = await publish();
  using layer = await world.remote().find(world.chain, 'any');
  assert.deepEqual([layer?.diffId, layer?.parentChain], [world.diffId, PARENT]);
  using again = await world.remote().find(world.chain, 'any');
  assert.equal(again?.parentChain, PARENT);
});

test('damage of any object is a miss that names it and leaves nothing; repaired, the layer is found', async () => {
  await using world = await publish();
  const { bucket, diffId, chain, empty, log } = world;
  const remote = world.remote();
  const index = await readIndex(bucket, diffId);
  const pack = packKey(index?.packs[0]?.digest ?? diffId);
  const flip = (at: number) => (bytes: Buffer) => bytes.with(at, (bytes[at] ?? 0) ^ 4);
  const cut = (bytes: Buffer): Uint8Array => bytes.subarray(0, bytes.length >> 1);
  const version = (bytes: Buffer): Buffer =>
    Buffer.from(bytes.toString().replace('version\\":1', 'version\\":7'));
  const cases: readonly (readonly [string, string, (bytes: Buffer) => Uint8Array])[] = [
    [chainKey(chain), chain, flip(0)],
    [chainKey(chain), chain, cut],
    [chainKey(chain), chain, version],
    [indexKey(diffId), diffId.slice(7), flip(20)],
    [indexKey(diffId), diffId.slice(7), flip(8)],
    [indexKey(diffId), diffId.slice(7), cut],
    [pack, pack, flip(50_000)],
    [pack, pack, cut],
  ];
  for (const [key, name, change] of cases) {
    const repair = await tamper(bucket, key, change);
    log.length = 0;
    assert.equal(await remote.find(chain, PARENT), undefined);
    assert.ok(log.join('').includes(name), `${key} is not named in ${log.join('')}`);
    assert.deepEqual([empty.layers.list(), await empty.folders()], [[], []]);
    await repair();
  }
  await tamper(bucket, indexKey(diffId), () => Buffer.alloc(0));
  assert.equal(await remote.find(chain, PARENT), undefined);
  await bucket.delete([indexKey(diffId)]);
  assert.equal(await remote.find(chain, PARENT), undefined);
});

test('an index that the record does not vouch for is a miss, however sound it is', async () => {
  await using world = await publish();
  const { bucket, empty } = world;
  const tar = Buffer.concat([encodeTarEntry({ path: 'bin/sh', kind: 'file' }), TAR_END]);
  using evil = await empty.layers.convert(fromBytes(tar), {});
  await empty.publish(evil.diffId, PARENT);
  const forged = Buffer.concat(await Array.fromAsync((await bucket.get(indexKey(evil.diffId))).body));
  await bucket.put(indexKey(world.diffId), forged);
  assert.equal(await world.remote().find(world.chain, PARENT), undefined);
});

test('with trusted keys, only what one of them has signed is taken', async () => {
  const [ours, theirs] = [newKeys(), newKeys()];
  for (const [published, isTaken] of [
    [ours, true],
    [theirs, false],
    [NO_CHAIN_KEYS, false],
  ] as const) {
    await using world = await publish(published);
    using layer = await world.remote(world.bucket, ours).find(world.chain, PARENT);
    assert.equal(layer !== undefined, isTaken);
  }
});

test('a bucket in trouble is a miss, and is left alone for a while; a damaged object is no trouble', async () => {
  await using world = await publish();
  let isDown = true;
  let gets = 0;
  const bucket = watchGets(world.bucket, () => {
    gets++;
    if (isDown) throw new CodedError('unavailable', 'Cannot reach the bucket');
  });
  const remote = world.remote(bucket);
  assert.equal(await remote.find(world.chain, PARENT), undefined);
  isDown = false;
  assert.equal(await remote.find(world.chain, PARENT), undefined);
  assert.equal(gets, 1);
  const patient = world.remote(bucket);
  const repair = await tamper(world.bucket, chainKey(world.chain), () => Buffer.from('{}'));
  assert.equal(await patient.find(world.chain, PARENT), undefined);
  await repair();
  using layer = await patient.find(world.chain, PARENT);
  assert.ok(layer);
});

test('of many who look for a layer at the same time each keeps it for as long as it likes', async () => {
  await using world = await publish();
  await using node = await openTestNode(world.bucket);
  const { layers } = node;
  const remote = new RemoteLayers({
    claim: async () => true,
    bucket: world.bucket,
    keys: NO_CHAIN_KEYS,
    layers,
    log: createLogger(() => {}),
  });
  const found = await Promise.all(Array.from({ length: 5 }, async () => remote.find(world.chain, PARENT)));
  await setImmediate();
  await setImmediate();
  for (const [i, layer] of found.entries()) {
    await layers.retain(() => false);
    assert.equal(layers.list().length, 1, `before ${i} of 5 are done`);
    layer?.[Symbol.dispose]();
  }
  await layers.retain(() => false);
  assert.deepEqual(layers.list(), []);
});

test('an aborted lookup throws, and leaves nothing', async () => {
  await using world = await publish();
  const stop = new AbortController();
  const bucket = watchGets(world.bucket, (key) => {
    if (key.startsWith('packs/')) stop.abort(new Error('gone'));
  });
  await using node = await openTestNode(bucket);
  const remote = new RemoteLayers({
    claim: async () => true,
    bucket,
    keys: NO_CHAIN_KEYS,
    layers: node.layers,
    log: createLogger(() => {}),
  });
  await assert.rejects(remote.find(world.chain, PARENT, { signal: stop.signal }), /gone/);
  while ((await node.folders()).length > 0) await setImmediate();
  assert.deepEqual(node.layers.list(), []);
});
