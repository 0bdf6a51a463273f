import type { FileHandle } from 'node:fs/promises';
import { compressChunk, decompress } from '@lade/compression';
import { decodeSuperblock, encodeImage, type EncodedImage, type Superblock } from '@lade/erofs';
import { CodedError, isCodedError } from '@lade/errors';
import { hashOf, type Digest } from '@lade/oci';
import { fromBytes, type ByteSource } from '@lade/streams';
import { BLOCK_BYTES, blocksOf } from './chunk.ts';
import type { IndexHeader, LayerIndex } from './index-object.ts';
import type { LayerTree } from './layer-tree.ts';

export function encodeMetadata(tree: LayerTree, diffId: Digest, blobBytes: number): EncodedImage {
  return encodeImage(tree.root, {
    blobBlocks: blocksOf(blobBytes),
    uuid: uuidOf(diffId),
    buildTime: 0,
  });
}

/** Writes an image into `file`; returns it as an index stores it. Throws `internal` unless its pieces add up to its size. */
export async function storeMetadata(
  image: EncodedImage,
  file: Pick<FileHandle, 'writeFile'>,
): Promise<Uint8Array> {
  const frames: Promise<Uint8Array>[] = [];
  let sizeBytes = 0;
  for (const piece of image.pieces()) {
    sizeBytes += piece.byteLength;
    frames.push(compressChunk(piece));
    await file.writeFile(piece);
  }
  const stored = Buffer.concat(await Promise.all(frames));
  if (sizeBytes === image.sizeBytes) return stored;
  throw new CodedError(
    'internal',
    `Cannot write metadata image: its pieces make ${sizeBytes} bytes, not ${image.sizeBytes}`,
    { cure: 'Report this layer; containerd’s own snapshotter can run the image meanwhile' },
  );
}

/** The metadata image that an index holds, raw. Throws `data_loss` unless it has exactly the size that the header says. */
export async function* readMetadata({ header, storedMetadata }: LayerIndex): ByteSource {
  const { diffId, metadataBytes } = header;
  let sizeBytes = 0;
  try {
    for await (const bytes of decompress(fromBytes(storedMetadata), { maxBytes: metadataBytes })) {
      sizeBytes += bytes.byteLength;
      yield bytes;
    }
  } catch (reason) {
    if (isCodedError(reason, 'resource_exhausted'))
      throw unusable(diffId, `is longer than ${metadataBytes} bytes`, reason);
    throw isCodedError(reason, 'data_loss') ? unusable(diffId, 'is damaged', reason) : reason;
  }
  if (sizeBytes !== metadataBytes) throw unusable(diffId, `has ${sizeBytes} bytes, not ${metadataBytes}`);
}

/**
 * Throws `data_loss` unless the superblock of the metadata image agrees with the index. That reads the first block only,
 * and yet finds an image that lacks bytes anywhere: it is shorter than its superblock says.
 */
export async function checkMetadata(index: LayerIndex): Promise<void> {
  const fault = superblockFault(index.header, await firstBlockOf(index));
  if (fault !== undefined) throw unusable(index.header.diffId, fault);
}

function superblockFault(header: IndexHeader, firstBlock: Buffer): string | undefined {
  const { imageBlocks, blobBlocks, inodeCount, uuid } = superblockOf(header, firstBlock);
  const imageBytes = imageBlocks * BLOCK_BYTES;
  if (imageBytes !== header.metadataBytes)
    return `says that it has ${imageBytes} bytes, and has ${header.metadataBytes}`;
  if (blobBlocks !== blocksOf(header.blobBytes)) return `is for a blob of ${blobBlocks} blocks`;
  if (inodeCount !== header.inodes) return `has ${inodeCount} inodes, not ${header.inodes}`;
  return Buffer.from(uuid).equals(uuidOf(header.diffId)) ? undefined : 'is of another layer';
}

function superblockOf({ diffId }: IndexHeader, firstBlock: Buffer): Superblock {
  try {
    return decodeSuperblock(firstBlock);
  } catch (reason) {
    throw isCodedError(reason, 'data_loss') ? unusable(diffId, 'has a damaged superblock', reason) : reason;
  }
}

async function firstBlockOf(index: LayerIndex): Promise<Buffer> {
  let block = Buffer.alloc(0);
  for await (const bytes of readMetadata(index)) {
    block = Buffer.concat([block, bytes.subarray(0, BLOCK_BYTES - block.byteLength)]);
    if (block.byteLength === BLOCK_BYTES) return block;
  }
  throw unusable(index.header.diffId, 'has no superblock');
}

function uuidOf(diffId: Digest): Uint8Array {
  return hashOf(diffId).subarray(0, 16);
}

function unusable(diffId: Digest, why: string, cause?: unknown): CodedError {
  return new CodedError('data_loss', `Cannot use index of layer ${diffId}: its metadata image ${why}`, {
    cure:
      'Remove the index and its chain record from the bucket, and the images with this layer from this node; ' +
      'the next pull from the registry publishes the layer again',
    cause,
  });
}
