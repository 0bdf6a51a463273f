import { hash } from 'node:crypto';
import type { Bucket } from '@lade/bucket';
import { decompress, decompressChunk } from '@lade/compression';
import { CodedError, wrapError } from '@lade/errors';
import { Digester, type Digest } from '@lade/oci';
import { collectBytes, type ByteSource } from '@lade/streams';
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
  const blob = new BlobView(index, (i, number) => readPackedChunk(bucket, i, number, options));
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
  const { body } = await bucket.get(packKey(pack.digest), {
    offset: place.offset,
    length: place.storedBytes,
    ...options,
  });
  return openFrame(await collectBytes(body, place.storedBytes), chunk, packKey(pack.digest));
}

/** The raw bytes of a stored frame. Throws `data_loss` unless they are the chunk's. */
export async function openFrame(frame: Uint8Array, chunk: Chunk, packName: string): Promise<Uint8Array> {
  const expected = Buffer.from(chunk.hash);
  try {
    const raw = await decompressChunk(frame, chunk.rawBytes);
    if (hash('sha256', raw, 'buffer').equals(expected)) return raw;
  } catch (reason) {
    throw wrapError(reason, `Cannot use ${packName}: chunk ${expected.toString('hex')} is damaged`, {
      cure: 'Remove the pack; layers that need it are published again by the next pull from the registry',
    });
  }
  throw new CodedError('data_loss', `Cannot use ${packName}: chunk ${expected.toString('hex')} is damaged`, {
    cure: 'Remove the pack; layers that need it are published again by the next pull from the registry',
  });
}

async function readRecipe(bucket: Bucket, index: LayerIndex, options: WaitOptions): Promise<ByteSource> {
  const { header } = index;
  const key = indexKey(header.diffId);
  const { body } = await bucket.get(key, {
    offset: indexHeadBytes(header),
    length: header.storedRecipeBytes,
    ...options,
  });
  const stored = await collectBytes(body, header.storedRecipeBytes);
  if (!hash('sha256', stored, 'buffer').equals(Buffer.from(header.recipeHash))) {
    throw new CodedError('data_loss', `Cannot use index ${key}: its recipe does not match its hash`, {
      cure: 'Remove the object; the next pull from the registry publishes the layer again',
    });
  }
  return decompress(once(stored), { maxBytes: header.tarBytes * 2 + 2 ** 20, ...options });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Random access to a blob through its chunks; recipes read forwards, so one chunk is kept. */
class BlobView {
  readonly #index: LayerIndex;
  readonly #load: (index: LayerIndex, number: number) => Promise<Uint8Array>;
  readonly #ends: Float64Array;
  #current = -1;
  #bytes: Uint8Array = new Uint8Array();

  constructor(index: LayerIndex, load: (index: LayerIndex, number: number) => Promise<Uint8Array>) {
    this.#index = index;
    this.#load = load;
    let end = 0;
    this.#ends = Float64Array.from(index.chunks, (chunk) => (end += chunk.rawBytes));
  }

  async *read(offset: number, sizeBytes: number): AsyncGenerator<Uint8Array> {
    for (let at = offset, rest = sizeBytes; rest > 0;) {
      const number = this.#find(at);
      if (number !== this.#current) {
        this.#bytes = await this.#load(this.#index, number);
        this.#current = number;
      }
      const start = (this.#ends[number] ?? 0) - this.#bytes.byteLength;
      const part = this.#bytes.subarray(at - start, at - start + rest);
      yield part;
      at += part.byteLength;
      rest -= part.byteLength;
    }
  }

  #find(offset: number): number {
    const number = this.#current + 1;
    const start = this.#ends[this.#current] ?? 0;
    if (offset >= start && offset < (this.#ends[number] ?? 0)) return number;
    return lowerBound(this.#ends, offset, this.#index.header.diffId);
  }
}

/** The first position whose end lies beyond `offset`. */
function lowerBound(ends: Float64Array, offset: number, diffId: Digest): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  if (low < ends.length) return low;
  throw new CodedError('data_loss', `Cannot rebuild layer ${diffId}: its recipe points past the blob`);
}
