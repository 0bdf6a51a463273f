import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBucket } from '@lade/bucket';
import type { LayerSummary, Status } from '@lade/control-protocol';
import { chainKey, indexKey, packKey, readIndex } from '@lade/layers';
import { chainId } from '@lade/oci';
import { startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import { assertNodeEmpty, clearNode } from './node-state.ts';
import { Testbed, needsRoot } from './testbed.ts';

/** A pull that brings everything finds all damage. */
const FULL = ['--fill', 'full'];

/*
 * A bucket whose objects are not what they were: a node that comes to it says which one is bad, takes none of it, pulls
 * from the registry instead, and does what it can to make the bucket good again.
 */
const [LOWER, UPPER] = [gzipLayer(soundTar(1)), gzipLayer(soundTar(2))];
const CHAIN = chainKey(chainId(LOWER.diffId, UPPER.diffId));
const INDEX = indexKey(UPPER.diffId);

type Change = (bytes: Buffer) => Uint8Array;
const flip =
  (at: number): Change =>
  (bytes) =>
    bytes.with(at, (bytes[at] ?? 0) ^ 0x20);
const half: Change = (bytes) => bytes.subarray(0, bytes.length >> 1);

interface Damage {
  readonly key: string;
  readonly change: Change;
  /** Whether a pull from the registry is all that it takes to repair it; else the object has to be removed before. */
  readonly heals: boolean;
}

test('damaged objects in the bucket', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const layout = await bed.makeFolder('layout');
  await writeLayout(layout, { 'app:latest': [LOWER, UPPER] });
  await using origin = await startOrigin([layout]);
  const reference = `${origin.address}/app:latest`;
  const bucketUrl = await bed.bucket('directory');
  const first = await bed.node('first', bucketUrl, '2.1', FULL);
  await pull(first, reference);
  await first.publishes(reference);
  await first.uploaded();
  await first.ladeOrThrow('verify', reference);
  const second = await bed.node('second', bucketUrl, '2.1', FULL);
  await using bucket = await openBucket(bucketUrl);
  const read = async (key: string): Promise<Buffer> =>
    Buffer.concat(await Array.fromAsync((await bucket.get(key)).body));
  const index = await readIndex(bucket, UPPER.diffId);
  assert.ok(index?.packs[0]);
  const pack = packKey(index.packs[0].digest);
  const other = await read(indexKey(LOWER.diffId));

  const damages: Readonly<Record<string, Damage>> = {
    'a chain record with a flipped bit': { key: CHAIN, change: flip(2), heals: true },
    'a chain record cut short': { key: CHAIN, change: half, heals: true },
    'an index with a flipped bit': { key: INDEX, change: flip(100), heals: true },
    'an index cut short': { key: INDEX, change: half, heals: true },
    'an index of nothing': { key: INDEX, change: () => Buffer.alloc(0), heals: true },
    'the index of another layer': { key: INDEX, change: () => other, heals: true },
    'a pack cut short': { key: pack, change: half, heals: true },
    'a pack with a flipped bit': { key: pack, change: flip(10_000), heals: false },
  };
  for (const [what, { key, change, heals }] of Object.entries(damages)) {
    await t.test(what, async () => {
      await bucket.put(key, change(await read(key)));
      for (const command of [['verify'], PULL]) {
        const { code, stdout, stderr } = await second.lade(...command, reference);
        assert.equal(code, 1, command[0]);
        const name = key.slice(key.lastIndexOf('/') + 1);
        assert.match(
          stdout + stderr,
          new RegExp(`${name}(.|\n)*→ Remove`),
          `${command[0]} does not name ${key}`,
        );
      }
      await clearNode(second);
      await assertNodeEmpty(second);
      if (!heals) await bucket.delete([key]);
      await pull(second, reference);
      assert.deepEqual(await origins(second), ['fetched', 'converted']);
      await second.uploaded();
      await second.ladeOrThrow('verify', reference);
      await clearNode(second);
      await second.ladeOrThrow('pull', reference);
      assert.deepEqual(await origins(second), ['fetched', 'fetched']);
      await clearNode(second);
    });
  }

  await t.test('an index of a version to come stays, and the upload waits', async () => {
    const original = await read(INDEX);
    await bucket.put(INDEX, original.with(8, 2));
    for (const command of [['verify'], PULL])
      assert.match(
        await second.lade(...command, reference).then((it) => it.stdout + it.stderr),
        /version 2(.|\n)*→ Upgrade/,
      );
    await pull(second, reference);
    assert.deepEqual(await origins(second), ['fetched', 'converted']);
    const { uploads } = await status(second, ({ uploads }) => uploads.lastError !== undefined);
    assert.match(uploads.lastError ?? '', /version 2/);
    assert.equal((await read(INDEX)).at(8), 2);
    await bucket.put(INDEX, original);
    await second.uploaded();
    await clearNode(second);
  });

  await t.test(
    'a record that no trusted key has signed is not taken, until a node with the key has signed it',
    async () => {
      const [ours, theirs] = [await makeKey(bed.folder, 'ours'), await makeKey(bed.folder, 'theirs')];
      await second.stopDaemon();
      await second.startDaemon({ flags: [...FULL, '--trust', ours.publicKey] });
      const refused = /chain record (.|\n)*no trusted key(.|\n)*→ Give/;
      assert.match((await second.lade(...PULL, reference)).stderr, refused);
      assert.match((await second.lade('verify', reference)).stdout, refused);
      await pull(second, reference);
      assert.deepEqual(await origins(second), ['converted', 'converted']);
      await second.uploaded();
      await clearNode(second);
      await second.stopDaemon();
      await second.startDaemon({ flags: [...FULL, '--signing-key', theirs.privateKey] });
      await pull(second, reference);
      await second.uploaded();
      await clearNode(second);
      await second.stopDaemon();
      await second.startDaemon({ flags: [...FULL, '--trust', ours.publicKey] });
      assert.match((await second.lade(...PULL, reference)).stderr, refused);
      await second.stopDaemon();
      await second.startDaemon({ flags: [...FULL, '--signing-key', ours.privateKey] });
      await pull(second, reference);
      assert.deepEqual(await origins(second), ['converted', 'converted']);
      await second.uploaded();
      await second.ladeOrThrow('verify', reference);
      await clearNode(second);
      await second.ladeOrThrow('pull', reference);
      assert.deepEqual(await origins(second), ['fetched', 'fetched']);
    },
  );
});

/** Without the registry, which would make up for what is damaged. */
const PULL = ['pull', '--from', 'bucket'] as const;

async function pull(node: LadeNode, reference: string): Promise<void> {
  await node.containerd.pull(reference, { snapshotter: 'lade' });
}

/** Of the node's layers, in their order in the image. */
async function origins(node: LadeNode): Promise<string[]> {
  const layers = JSON.parse(await node.ladeOrThrow('layers', '--json')) as LayerSummary[];
  return [LOWER, UPPER].map(
    (layer) => layers.find(({ diffId }) => diffId === layer.diffId)?.origin ?? 'missing',
  );
}

async function status(node: LadeNode, isWanted: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const found = JSON.parse(await node.ladeOrThrow('status', '--json')) as Status;
    if (isWanted(found)) return found;
  }
}

async function makeKey(folder: string, name: string): Promise<{ privateKey: string; publicKey: string }> {
  const keys = generateKeyPairSync('ed25519');
  const [privateKey, publicKey] = [join(folder, `${name}.key`), join(folder, `${name}.pub`)];
  await writeFile(privateKey, keys.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(publicKey, keys.publicKey.export({ type: 'spki', format: 'pem' }));
  return { privateKey, publicKey };
}
