import { hash } from 'node:crypto';
import type { Bucket } from '@lade/bucket';
import { decompress, decompressChunk } from '@lade/compression';
import { CodedError, isCodedError } from '@lade/errors';
import { Digester, type Digest } from '@lade/oci';
import { collectBytes, fromBytes, type ByteSource } from '@lade/streams';
import { BlobView } from './blob-view.ts';
import type { Chunk } from './chunk.ts';
import { indexHeadBytes, type LayerIndex } from './index-object.ts';
import { LayoutProof } from './layout-proof.ts';
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
  yield* new PublishedLayer(bucket, await requireIndex(bucket, diffId, options), options).tar();
}

/**
 * Proves a layer in the bucket: its tar against the diff id, its index against the tar, and every chunk against its hash.
 * Returns the tar's size; throws as rebuildTar() does.
 */
export async function verifyLayer(
  bucket: Bucket,
  diffId: Digest,
  options: WaitOptions = {},
): Promise<number> {
  const index = await requireIndex(bucket, diffId, options);
  const layer = new PublishedLayer(bucket, index, options);
  const digester = new Digester();
  const proof = new LayoutProof(index);
  for await (const bytes of layer.tar()) {
    digester.update(bytes);
    await proof.write(bytes);
  }
  const actual = digester.finish();
  if (actual !== diffId) throw unproved(diffId, `it rebuilds to ${actual}`);
  const difference = await proof.difference();
  if (difference !== undefined)
    throw unproved(diffId, `index ${indexKey(diffId)} does not belong to its tar: ${difference}`);
  await layer.readOtherChunks();
  return index.header.tarBytes;
}

async function requireIndex(bucket: Bucket, diffId: Digest, options: WaitOptions): Promise<LayerIndex> {
  const index = await readIndex(bucket, diffId, options);
  if (index) return index;
  throw new CodedError('not_found', `Cannot find layer ${diffId} in ${bucket.location}`, {
    cure: 'Pull the image on a node with this bucket, and wait for its uploads',
  });
}

function unproved(diffId: Digest, why: string): CodedError {
  return new CodedError('data_loss', `Cannot prove layer ${diffId}: ${why}`, {
    cure:
      `Remove ${indexKey(diffId)} and its chain record from the bucket; ` +
      'the next pull from the registry publishes the layer again',
  });
}

/** A layer as the bucket has it. */
class PublishedLayer {
  readonly #bucket: Bucket;
  readonly #index: LayerIndex;
  readonly #options: WaitOptions;
  /** 1 for each chunk that was read, and so checked. */
  readonly #checked: Uint8Array;

  constructor(bucket: Bucket, index: LayerIndex, options: WaitOptions) {
    this.#bucket = bucket;
    this.#index = index;
    this.#options = options;
    this.#checked = new Uint8Array(index.chunks.length);
  }

  async *tar(): AsyncGenerator<Uint8Array> {
    const { diffId, tarBytes } = this.#index.header;
    const blob = new BlobView(this.#index, async (number) => this.#chunk(number));
    const recipe = await readRecipe(this.#bucket, this.#index, this.#options);
    let rebuiltBytes = 0;
    for await (const bytes of replayRecipe(
      recipe,
      (offset, size) => blob.read(offset, size),
      `layer ${diffId}`,
    )) {
      rebuiltBytes += bytes.byteLength;
      if (rebuiltBytes > tarBytes) throw unproved(diffId, `it rebuilds to more than ${tarBytes} bytes`);
      yield bytes;
    }
  }

  /** Checks the chunks that no byte of the tar came from: holes of sparse files. */
  async readOtherChunks(): Promise<void> {
    for (const [number, { place }] of this.#index.chunks.entries())
      if (!this.#checked[number] && place.kind !== 'zero') await this.#chunk(number);
  }

  async #chunk(number: number): Promise<Uint8Array> {
    const bytes = await readPackedChunk(this.#bucket, this.#index, number, this.#options);
    this.#checked[number] = 1;
    return bytes;
  }
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
