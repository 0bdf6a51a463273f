import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compressChunk } from '@lade/compression';
import { isCodedError } from '@lade/errors';
import { digestOf } from '@lade/oci';
import { collectBytes } from '@lade/streams';
import { decodeIndexHead, encodeIndexHead, type LayerIndex } from './index-object.ts';
import { readLocalIndex } from './local-index.ts';
import { checkMetadata, readMetadata, storeMetadata } from './metadata-image.ts';
import {
  flipBit,
  metadataOf,
  openTestNode,
  shifted,
  variedTar,
  withMetadata,
} from './testing/test-layers.ts';

const NOWHERE = { writeFile: async () => {} };

async function convert(): Promise<LayerIndex> {
  await using node = await openTestNode();
  return readLocalIndex((await node.convert(variedTar(1))).folder);
}

async function isRefused(work: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(work, (reason) => {
    assert.ok(isCodedError(reason, 'data_loss'), String(reason));
    assert.match(reason.message, message);
    assert.match(reason.message, new RegExp(digestOf(variedTar(1))));
    assert.match(reason.cure ?? '', /Remove the index and its chain record/);
    return true;
  });
}

test('storeMetadata() writes the pieces, and returns them as one zstd stream', async () => {
  const index = await convert();
  const image = await metadataOf(index);
  const pieces = (): Uint8Array[] => [image.subarray(0, 4096), image.subarray(4096)];
  const written: Uint8Array[] = [];
  const file = { writeFile: async (piece: unknown) => void written.push(piece as Uint8Array) };
  const storedMetadata = await storeMetadata({ sizeBytes: image.length, inodeCount: 1, pieces }, file);
  assert.ok(image.equals(Buffer.concat(written)));
  assert.ok(image.equals(await collectBytes(readMetadata({ ...index, storedMetadata }), 2 ** 30)));
});

test('storeMetadata() fails loudly where the pieces do not add up to the image', async () => {
  for (const bytes of [4095, 4097, 0]) {
    const image = { sizeBytes: 4096, inodeCount: 1, pieces: () => [new Uint8Array(bytes)] };
    await assert.rejects(
      storeMetadata(image, NOWHERE),
      (e) => isCodedError(e, 'internal') && e.message.includes(`${bytes} bytes, not 4096`),
    );
  }
});

test('checkMetadata() takes what a conversion made, and refuses an image that lacks or has bytes, wherever', async () => {
  const index = await convert();
  await checkMetadata(index);
  const image = await metadataOf(index);
  const padded = Buffer.concat([image, Buffer.alloc(4096)]);
  for (const wrong of [shifted(image), image.subarray(0, -1), image.subarray(0, 4096), padded])
    await isRefused(checkMetadata(await reread(index, wrong)), /says that it has \d+ bytes, and has \d+/);
  await isRefused(checkMetadata(await reread(index, flipBit(1100)(image))), /has a damaged superblock/);
  await isRefused(checkMetadata(await reread(index, Buffer.alloc(4096))), /has a damaged superblock/);
  await isRefused(checkMetadata(await reread(index, image.subarray(0, 100))), /has no superblock/);
});

test('checkMetadata() refuses an image that is of another layer, blob or tree than the index', async () => {
  const index = await convert();
  const check = async (header: object): Promise<void> =>
    checkMetadata({ ...index, header: { ...index.header, ...header } });
  await isRefused(check({ inodes: 1 }), /has \d+ inodes, not 1/);
  await isRefused(check({ blobBytes: 4096 }), /is for a blob of \d+ blocks/);
  await assert.rejects(check({ diffId: digestOf('another') }), /is of another layer/);
});

test('readMetadata() refuses an image that is damaged, shorter or longer than the header says', async () => {
  const index = await convert();
  const image = await metadataOf(index);
  const read = async (it: LayerIndex): Promise<unknown> => metadataOf(it);
  await isRefused(read(await reread(index, image, image.length + 1)), /has \d+ bytes, not \d+/);
  await isRefused(read(await reread(index, image, image.length - 1)), /is longer than \d+ bytes/);
  const storedMetadata = (await compressChunk(image)).subarray(0, -5);
  const { head } = encodeIndexHead({ ...index.header, ...index, storedMetadata });
  await isRefused(read(decodeIndexHead(head, 'index')), /is damaged/);
});

async function reread(index: LayerIndex, image: Uint8Array, sizeBytes?: number): Promise<LayerIndex> {
  return decodeIndexHead(await withMetadata(index, image, sizeBytes), 'index');
}
