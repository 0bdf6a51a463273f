import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bucket } from '@lade/bucket';
import { isCodedError, type ErrorCode } from '@lade/errors';
import { digestOf, type Digest } from '@lade/oci';
import { collectBytes } from '@lade/streams';
import { encodeIndexHead, indexHeadBytes, type LayerIndex } from './index-object.ts';
import { indexKey, packKey } from './object-keys.ts';
import { publishLayer } from './publish-layer.ts';
import {
  encodeTar,
  flipBit,
  noise,
  openTestNode,
  tamper,
  variedTar,
  type TestNode,
} from './testing/test-layers.ts';
import { rebuildTar, verifyLayer } from './verify-layer.ts';

async function publish(node: TestNode, tar: Buffer): Promise<{ diffId: Digest; index: LayerIndex }> {
  const { folder, diffId } = await node.convert(tar);
  return { diffId, index: (await publishLayer(folder, node.context)).index };
}

async function refuses(bucket: Bucket, diffId: Digest, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(verifyLayer(bucket, diffId), (reason) => {
    assert.ok(isCodedError(reason, code), String(reason));
    assert.match(reason.message, message);
    assert.ok(reason.cure !== undefined, `no cure: ${reason.message}`);
    return true;
  });
}

/** Runs `check` while the object is changed, and changes it back. */
async function whileTampered(
  bucket: Bucket,
  key: string,
  change: (bytes: Buffer) => Uint8Array,
  check: () => Promise<void>,
): Promise<void> {
  let original = Buffer.alloc(0);
  await tamper(bucket, key, (bytes) => change((original = Buffer.from(bytes))));
  await check();
  await bucket.put(key, original);
}

test('a layer is rebuilt from the bucket alone, to the byte', async () => {
  await using node = await openTestNode();
  for (const tar of [
    variedTar(1),
    encodeTar(),
    encodeTar({ path: 'f', kind: 'file', content: noise(2, 5 << 20) }),
  ]) {
    const { diffId } = await publish(node, tar);
    assert.ok(tar.equals(await collectBytes(rebuildTar(node.bucket, diffId), 2 ** 30)));
    assert.equal(await verifyLayer(node.bucket, diffId), tar.length);
  }
});

test('whatever is flipped, cut, gone or swapped is named, with a cure', async () => {
  await using node = await openTestNode();
  const { bucket } = node;
  const { diffId, index } = await publish(node, variedTar(1));
  const other = await publish(node, variedTar(2));
  const layer = indexKey(diffId);
  const pack = packKey(index.packs[0]?.digest ?? diffId);
  const head = indexHeadBytes(index.header);
  const cases: readonly (readonly [string, (bytes: Buffer) => Uint8Array])[] = [
    [layer, flipBit(60)],
    [layer, flipBit(240)],
    [layer, flipBit(head - 10)],
    [layer, flipBit(head + 5)],
    [layer, (bytes) => bytes.subarray(0, 100)],
    [layer, (bytes) => bytes.subarray(0, head - 1)],
    [layer, (bytes) => bytes.subarray(0, head)],
    [layer, (bytes) => bytes.subarray(0, -1)],
    [pack, flipBit(1000)],
    [pack, (bytes) => bytes.subarray(0, 1000)],
    [pack, () => Buffer.alloc(0)],
  ];
  for (const [key, change] of cases)
    await whileTampered(bucket, key, change, async () =>
      refuses(bucket, diffId, 'data_loss', new RegExp(key)),
    );
  const swapped = await collectBytes((await bucket.get(indexKey(other.diffId))).body, 2 ** 30);
  await whileTampered(
    bucket,
    layer,
    () => swapped,
    async () => refuses(bucket, diffId, 'data_loss', new RegExp(`${layer}.* is of layer ${other.diffId}`)),
  );
  const newer = (bytes: Buffer): Buffer => Buffer.from(bytes.with(8, 9));
  await whileTampered(bucket, layer, newer, async () =>
    refuses(bucket, diffId, 'unimplemented', /version 9/),
  );
  await verifyLayer(bucket, diffId);
  await bucket.delete([pack]);
  await refuses(bucket, diffId, 'data_loss', new RegExp(pack));
  await refuses(bucket, digestOf('nothing'), 'not_found', new RegExp(digestOf('nothing')));
});

test('an index that is whole in itself but lies is found out', async () => {
  await using node = await openTestNode();
  const { bucket } = node;
  const { index, diffId } = await publish(node, variedTar(1));
  const stored = await collectBytes((await bucket.get(indexKey(diffId))).body, 2 ** 30);
  const recipe = stored.subarray(indexHeadBytes(index.header));
  const claimed = digestOf('another layer');
  const lie = async (changes: object): Promise<void> => {
    const { head } = encodeIndexHead({ ...index.header, ...index, diffId: claimed, ...changes });
    await bucket.put(indexKey(claimed), Buffer.concat([head, recipe]));
  };
  await lie({});
  await refuses(bucket, claimed, 'data_loss', new RegExp(`${claimed}: it rebuilds to ${diffId}`));
  await lie({ tarBytes: 1000 });
  await refuses(bucket, claimed, 'data_loss', /it rebuilds to more than 1000 bytes/);
  const [first, ...rest] = index.chunks;
  assert.ok(first);
  await lie({ chunks: [{ ...first, place: { kind: 'local' } }, ...rest] });
  await refuses(bucket, claimed, 'data_loss', /no place for chunk 0/);
  await lie({ chunks: [{ ...first, place: { kind: 'zero' } }, ...rest] });
  await refuses(bucket, claimed, 'data_loss', /no place for chunk 0/);
  await lie({ blobBytes: first.rawBytes, chunks: [first] });
  await refuses(bucket, claimed, 'data_loss', /its recipe points past the blob/);
});
