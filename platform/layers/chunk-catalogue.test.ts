import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, hashOf } from '@lade/oci';
import type { Chunk } from './chunk.ts';
import { ChunkCatalogue } from './chunk-catalogue.ts';
import { openTestNode } from './testing/test-layers.ts';

const PACK = { digest: digestOf('pack'), sizeBytes: 1000 };
const OTHER = { digest: digestOf('other pack'), sizeBytes: 2000 };
const hashA = hashOf(digestOf('a'));
const hashB = hashOf(digestOf('b'));
const entry = (hash: Uint8Array, offset = 0) => ({ hash, offset, storedBytes: 10, rawBytes: 4096 });

test('chunks are found in the packs that were added, the first one that had them', async () => {
  await using node = await openTestNode();
  const { catalogue } = node.context;
  assert.equal(catalogue.findPacked(hashA), undefined);
  catalogue.addPack(PACK, [entry(hashA, 70)]);
  catalogue.addPack(OTHER, [entry(hashA), entry(hashB)]);
  catalogue.addPack(PACK, [entry(hashB, 99)]);
  assert.deepEqual(catalogue.findPacked(hashA), { pack: PACK, offset: 70, storedBytes: 10, rawBytes: 4096 });
  assert.deepEqual(catalogue.findPacked(hashB)?.pack, OTHER);
  assert.deepEqual(
    catalogue.findAllPacked(hashA).map(({ pack }) => pack),
    [PACK, OTHER],
  );
});

test('packs that are gone or have another size are forgotten, and new ones asked for', async () => {
  await using node = await openTestNode();
  const { catalogue } = node.context;
  catalogue.addPack(PACK, [entry(hashA)]);
  catalogue.addPack(OTHER, [entry(hashB)]);
  const sizes = (...packs: (typeof PACK)[]) =>
    new Map(packs.map(({ digest, sizeBytes }) => [digest, sizeBytes]));
  const fresh = { digest: digestOf('fresh'), sizeBytes: 5 };
  assert.deepEqual(catalogue.reconcilePacks(sizes(PACK, OTHER, fresh)), [fresh.digest]);
  assert.deepEqual(catalogue.reconcilePacks(sizes({ ...PACK, sizeBytes: 999 })), [PACK.digest]);
  assert.equal(catalogue.findPacked(hashA), undefined);
  assert.equal(catalogue.findPacked(hashB), undefined);
});

test('chunks of blobs are found by their offset, but for zeros, until the blob is forgotten', async () => {
  await using node = await openTestNode();
  const { catalogue } = node.context;
  const chunks: Chunk[] = [
    { hash: hashA, rawBytes: 8192, place: { kind: 'local' } },
    { hash: hashOf(digestOf('zeros')), rawBytes: 262_144, place: { kind: 'zero' } },
    { hash: hashB, rawBytes: 4096, place: { kind: 'packed', pack: 0, offset: 0, storedBytes: 9 } },
  ];
  catalogue.addBlob(digestOf('layer'), chunks);
  catalogue.addBlob(digestOf('layer'), chunks);
  assert.deepEqual(catalogue.findInBlobs(hashB), [{ diffId: digestOf('layer'), offset: 8192 + 262_144 }]);
  assert.deepEqual(catalogue.findInBlobs(hashOf(digestOf('zeros'))), []);
  assert.ok(catalogue.hasBlob(digestOf('layer')));
  catalogue.forgetBlob(digestOf('layer'));
  assert.ok(!catalogue.hasBlob(digestOf('layer')));
  assert.deepEqual(catalogue.findInBlobs(hashA), []);
});

test('what was learnt survives the next start', async () => {
  await using node = await openTestNode();
  node.context.catalogue.addPack(PACK, [entry(hashA)]);
  assert.deepEqual(new ChunkCatalogue(node.db).findPacked(hashA)?.pack, PACK);
});
