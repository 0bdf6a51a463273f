import { hash } from 'node:crypto';
import type { Bucket } from '@lade/bucket';
import { decompress, decompressChunk } from '@lade/compression';
import { CodedError, isCodedError } from '@lade/errors';
import { Digester, type Digest } from '@lade/oci';
import { collectBytes, fromBytes, type ByteSource } from '@lade/streams';
import { BlobView } from './blob-view.ts';
import type { Chunk } from './chunk.ts';
import { indexHeadBytes, type LayerIndex } from './index-object.ts';
import { indexKey, packKey } from './object-keys.ts';
import { readIndex } from './read-layer.ts';
import { replayRecipe } from './recipe.ts';

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/**
 * Rebuilds the uncompressed tar of a published layer from the bucket alone: its index, its recipe, its chunks.
 * Throws `not_found` for a layer that nobody has published, `data_loss` naming the object that is damaged.
 */
export async function* rebuildTar(
  bucket: Bucket,
  diffId: Digest,
  options: WaitOptions = {},
): AsyncGenerator<Uint8Array> {
  const index = await readIndex(bucket, diffId, options);
  if (!index) {
    throw new CodedError('not_found', `Cannot find layer ${diffId} in ${bucket.location}`, {
      cure: 'Pull the image on a node with this bucket, and wait for its uploads',
    });
  }
  const blob = new BlobView(index, async (number) => readPackedChunk(bucket, index, number, options));
  const recipe = await readRecipe(bucket, index, options);
  let tarBytes = 0;
  for await (const bytes of replayRecipe(
    recipe,
    (offset, size) => blob.read(offset, size),
    `layer ${diffId}`,
  )) {
    tarBytes += bytes.byteLength;
    if (tarBytes > index.header.tarBytes)
      throw unproved(diffId, `it rebuilds to more than ${index.header.tarBytes} bytes`);
    yield bytes;
  }
}

/** Proves a layer in the bucket against its diff id. Returns the tar's size; throws as rebuildTar() does. */
export async function verifyLayer(
  bucket: Bucket,
  diffId: Digest,
  options: WaitOptions = {},
): Promise<number> {
  const digester = new Digester();
  let tarBytes = 0;
  for await (const bytes of rebuildTar(bucket, diffId, options)) {
    digester.update(bytes);
    tarBytes += bytes.byteLength;
  }
  const actual = digester.finish();
  if (actual === diffId) return tarBytes;
  throw unproved(diffId, `it rebuilds to ${actual}`);
}

function unproved(diffId: Digest, why: string): CodedError {
  return new CodedError('data_loss', `Cannot prove layer ${diffId}: ${why}`, {
    cure: `Remove ${indexKey(diffId)} from the bucket; the next pull from the registry publishes the layer again`,
  });
}

/** Fetches one chunk from its pack, and checks it. Throws `data_loss` naming the pack. */
async function readPackedChunk(
  bucket: Bucket,
  index: LayerIndex,
  number: number,
  options: WaitOptions,
): Promise<Uint8Array> {
  const chunk = index.chunks[number];
  if (!chunk) throw new RangeError(`layer ${index.header.diffId} has no chunk ${number}`);
  const { place } = chunk;
  if (place.kind === 'zero') return Buffer.alloc(chunk.rawBytes);
  const pack = place.kind === 'packed' ? index.packs[place.pack] : undefined;
  if (place.kind === 'local' || !pack) throw new RangeError(`chunk ${number} is in no pack`);
  const key = packKey(pack.digest);
  const range = { offset: place.offset, length: place.storedBytes };
  const frame = await readPart(bucket, key, { ...range, ...options }).catch((reason: unknown) => {
    throw isLost(reason) ? damagedPack(key, 'it is gone or cut short', reason) : reason;
  });
  return openFrame(frame, chunk, key);
}

/** The raw bytes of a stored frame. Throws `data_loss` unless they are the chunk's. */
export async function openFrame(
  frame: Uint8Array,
  chunk: Pick<Chunk, 'hash' | 'rawBytes'>,
  packName: string,
): Promise<Uint8Array> {
  const expected = Buffer.from(chunk.hash);
  const state = `chunk ${expected.toString('hex')} is damaged`;
  const raw = await decompressChunk(frame, chunk.rawBytes).catch((reason: unknown) => {
    throw damagedPack(packName, state, reason);
  });
  if (hash('sha256', raw, 'buffer').equals(expected)) return raw;
  throw damagedPack(packName, state);
}

function damagedPack(packName: string, state: string, cause?: unknown): CodedError {
  return new CodedError('data_loss', `Cannot use ${packName}: ${state}`, {
    cure: 'Remove the pack; layers that need it are published again by the next pull from the registry',
    cause,
  });
}

/** Whether the bucket answered that it does not have what an index promised. */
function isLost(reason: unknown): boolean {
  return isCodedError(reason, 'not_found') || isCodedError(reason, 'out_of_range');
}

async function readPart(
  bucket: Bucket,
  key: string,
  range: WaitOptions & { readonly offset: number; readonly length: number },
): Promise<Uint8Array> {
  const { body } = await bucket.get(key, range);
  return collectBytes(body, range.length);
}

async function readRecipe(bucket: Bucket, index: LayerIndex, options: WaitOptions): Promise<ByteSource> {
  const { header } = index;
  const key = indexKey(header.diffId);
  const range = { offset: indexHeadBytes(header), length: header.storedRecipeBytes };
  const stored = await readPart(bucket, key, { ...range, ...options }).catch((reason: unknown) => {
    throw isLost(reason) ? damagedRecipe(key, 'is gone or cut short', reason) : reason;
  });
  if (!hash('sha256', stored, 'buffer').equals(Buffer.from(header.recipeHash)))
    throw damagedRecipe(key, 'does not match its hash');
  return decompress(fromBytes(stored), { maxBytes: header.tarBytes * 2 + 2 ** 20, ...options });
}

function damagedRecipe(key: string, state: string, cause?: unknown): CodedError {
  return new CodedError('data_loss', `Cannot use index ${key}: its recipe ${state}`, {
    cure: 'Remove the object; the next pull from the registry publishes the layer again',
    cause,
  });
}
