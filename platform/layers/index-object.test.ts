import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { digestOf } from '@lade/oci';
import type { Chunk } from './chunk.ts';
import { decodeIndexHead, encodeIndexHead, type IndexParts } from './index-object.ts';

const PACK = { digest: digestOf('pack'), sizeBytes: 9_000_000_000 };
const CHUNKS: readonly Chunk[] = [
  {
    hash: Buffer.alloc(32, 1),
    rawBytes: 4096,
    place: { kind: 'packed', pack: 0, offset: 70, storedBytes: 90 },
  },
  { hash: Buffer.alloc(32, 2), rawBytes: 262_144, place: { kind: 'zero' } },
  { hash: Buffer.alloc(32, 3), rawBytes: 8192, place: { kind: 'local' } },
];

function parts(changes: Partial<IndexParts> = {}): IndexParts {
  return {
    diffId: digestOf('layer'),
    tarBytes: 300_000,
    blobBytes: 4096 + 262_144 + 8192,
    inodes: 5,
    packs: [PACK],
    chunks: CHUNKS,
    impliedDirectories: ['usr', 'usr/l\xe9'],
    metadataBytes: 8192,
    storedMetadata: randomBytes(300),
    storedRecipeBytes: 77,
    recipeHash: randomBytes(32),
    ...changes,
  };
}

test('an index head survives encoding and decoding, whatever follows it', () => {
  const given = parts();
  const { head, digest } = encodeIndexHead(given);
  const index = decodeIndexHead(Buffer.concat([head, randomBytes(77)]), 'index i');
  assert.equal(index.digest, digest);
  assert.deepEqual(index.packs, given.packs);
  assert.deepEqual(index.impliedDirectories, given.impliedDirectories);
  assert.deepEqual(
    index.chunks.map(({ place }) => place),
    CHUNKS.map(({ place }) => place),
  );
  assert.deepEqual(Buffer.from(index.storedMetadata), given.storedMetadata);
  assert.deepEqual(Buffer.from(index.head), Buffer.from(head));
  assert.equal(index.header.tarBytes, 300_000);
});

test('every flipped bit and every cut of an index head is noticed', () => {
  const { head } = encodeIndexHead(parts());
  for (let at = 0; at < head.byteLength; at++) {
    const flipped = Buffer.from(head);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    assert.throws(
      () => decodeIndexHead(flipped, 'index i'),
      (e) => isCodedError(e) && e.message.includes('index i'),
    );
    assert.throws(
      () => decodeIndexHead(head.subarray(0, at), 'index i'),
      (e) => isCodedError(e, 'data_loss'),
    );
  }
});

test('an unknown version is refused with a cure', () => {
  const head = Buffer.from(encodeIndexHead(parts()).head);
  head.writeUInt32LE(2, 8);
  assert.throws(
    () => decodeIndexHead(head, 'index i'),
    (e) => isCodedError(e, 'unimplemented') && /version 2/.test(e.message) && e.cure !== undefined,
  );
});

test('tables that contradict each other are refused though their hashes are right', () => {
  const bad: Partial<IndexParts>[] = [
    { blobBytes: 4096 },
    { packs: [] },
    { packs: [{ ...PACK, sizeBytes: 100 }] },
    { chunks: CHUNKS.with(0, { ...CHUNKS[0]!, rawBytes: 4097 }), blobBytes: 4097 + 262_144 + 8192 },
    { chunks: [{ ...CHUNKS[1]!, rawBytes: 2 << 20 }], blobBytes: 2 << 20 },
  ];
  for (const changes of bad) {
    const { head } = encodeIndexHead(parts(changes));
    assert.throws(
      () => decodeIndexHead(head, 'index i'),
      (e) => isCodedError(e, 'data_loss'),
    );
  }
});
