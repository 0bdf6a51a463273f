import { hash } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bucket } from '@lade/bucket';
import { compressChunk } from '@lade/compression';
import { CodedError, isCodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import type { ByteSource } from '@lade/streams';
import type { ChunkCatalogue } from './chunk-catalogue.ts';
import type { Chunk } from './chunk.ts';
import { encodeIndexHead, type LayerIndex, type PackReference } from './index-object.ts';
import { LAYER_FILES } from './layer-files.ts';
import { checkMetadata } from './metadata-image.ts';
import { indexKey, packKey } from './object-keys.ts';
import { PACK_TARGET_BYTES, encodePack, type Pack } from './pack.ts';
import { readLocalIndex, writeLocalIndex } from './local-index.ts';
import { syncPacks } from './sync-packs.ts';
import { findUsableIndex } from './usable-index.ts';

/** Frames compressed at the same time. */
const COMPRESSIONS = 2;
const READ_BYTES = 1 << 20;

export interface PublishContext {
  /** What the folder is supposed to hold; not checked where it is missing. */
  readonly diffId?: Digest;
  readonly bucket: Bucket;
  readonly catalogue: ChunkCatalogue;
  /** Resolves when background work may go on; conversions come first. */
  readonly turn: (signal: AbortSignal | undefined) => Promise<void>;
  /** Called when the index is there. Throws when what it names may be gone again: then nothing is given up here. */
  readonly confirm?: () => Promise<void>;
  readonly signal?: AbortSignal;
}

export interface Published {
  readonly index: LayerIndex;
  /** Stored bytes that were uploaded, packs and index. */
  readonly uploadedBytes: number;
  readonly reusedChunks: number;
}

/**
 * Brings the layer in `folder` into the bucket: packs first, the index last, so that an index never names a pack
 * that is not there. Safe to repeat after a failure at any point. Where another node was first, its index is taken over
 * if it says the same; one that cannot be used is replaced. Throws `data_loss` when blob or metadata image are damaged on
 * this node, `not_found` when the recipe is gone.
 */
export async function publishLayer(folder: string, context: PublishContext): Promise<Published> {
  const local = await readLocalIndex(folder, context.diffId);
  const { diffId } = local.header;
  await checkMetadata(local);
  const theirs = await findUsableIndex(context.bucket, local, waiting(context));
  if (theirs) return adopt(folder, theirs, context);
  await using recipe = await openRecipe(folder, diffId);
  await syncPacks(context.bucket, context.catalogue, waiting(context));
  await using blob = await open(join(folder, LAYER_FILES.blob), 'r');
  const packer = new Packer(diffId, context);
  let offset = 0;
  for (const chunk of local.chunks) {
    await context.turn(context.signal);
    context.signal?.throwIfAborted();
    if (chunk.place.kind === 'zero') packer.keep(chunk);
    else await packer.add(chunk, blob, offset);
    offset += chunk.rawBytes;
  }
  await packer.close();
  const { head } = encodeIndexHead({
    ...local.header,
    packs: packer.packs,
    chunks: packer.chunks,
    impliedDirectories: local.impliedDirectories,
    storedMetadata: local.storedMetadata,
  });
  const sizeBytes = head.byteLength + local.header.storedRecipeBytes;
  const object = { key: indexKey(diffId), sizeBytes, body: () => followedBy(head, recipe) };
  if (!(await putAbsent(object, context))) {
    const winner = await findUsableIndex(context.bucket, local, waiting(context));
    if (winner) return adopt(folder, winner, context, packer.uploadedBytes);
    const { version } = await context.bucket.head(object.key, waiting(context));
    await context.bucket.put(object.key, object.body(), {
      sizeBytes,
      condition: { version },
      ...waiting(context),
    });
  }
  await context.confirm?.();
  const index = await writeLocalIndex(folder, head);
  await rm(join(folder, LAYER_FILES.recipe), { force: true });
  return { index, uploadedBytes: packer.uploadedBytes + sizeBytes, reusedChunks: packer.reusedChunks };
}

async function adopt(
  folder: string,
  index: LayerIndex,
  { confirm }: PublishContext,
  uploadedBytes = 0,
): Promise<Published> {
  await confirm?.();
  await writeLocalIndex(folder, index.head);
  await rm(join(folder, LAYER_FILES.recipe), { force: true });
  return { index, uploadedBytes, reusedChunks: index.chunks.length };
}

/** Puts chunks into packs, or finds them in the packs that exist. */
class Packer {
  readonly packs: PackReference[] = [];
  readonly chunks: Chunk[] = [];
  uploadedBytes = 0;
  reusedChunks = 0;
  readonly #diffId: Digest;
  readonly #context: PublishContext;
  readonly #packNumbers = new Map<Digest, number>();
  readonly #pendingByHash = new Map<string, number>();
  #pending: PendingChunk[] = [];
  #pendingBytes = 0;

  constructor(diffId: Digest, context: PublishContext) {
    this.#diffId = diffId;
    this.#context = context;
  }

  keep(chunk: Chunk): void {
    this.chunks.push(chunk);
  }

  async add(chunk: Chunk, blob: FileHandle, offset: number): Promise<void> {
    const known = this.#context.catalogue.findPacked(chunk.hash);
    if (known?.rawBytes === chunk.rawBytes) {
      this.reusedChunks++;
      const pack = this.#packNumber(known.pack);
      this.chunks.push({ ...chunk, place: { ...known, kind: 'packed', pack } });
      return;
    }
    const name = Buffer.from(chunk.hash).toString('latin1');
    const twin = this.#pendingByHash.get(name);
    const position = this.chunks.push(chunk) - 1;
    if (twin !== undefined) return void this.#pending[twin]?.positions.push(position);
    const raw = await readChunk(blob, offset, chunk.rawBytes);
    if (!hash('sha256', raw, 'buffer').equals(Buffer.from(chunk.hash)))
      throw damagedBlob(this.#diffId, offset);
    this.#pendingByHash.set(name, this.#pending.length);
    this.#pending.push({ chunk, positions: [position], frame: this.#compress(raw) });
    if (this.#pending.length >= COMPRESSIONS) await this.#pending.at(-COMPRESSIONS)?.frame;
    if (this.#pendingBytes >= PACK_TARGET_BYTES) await this.close();
  }

  /** Uploads what is pending as one pack. */
  async close(): Promise<void> {
    if (this.#pending.length === 0) return;
    const { pack, positions } = await this.#takePack();
    await this.#upload(packKey(pack.digest), pack.bytes);
    const reference = { digest: pack.digest, sizeBytes: pack.bytes.byteLength };
    this.#context.catalogue.addPack(reference, pack.entries);
    const number = this.#packNumber(reference);
    pack.entries.forEach(({ offset, storedBytes }, i) => {
      for (const position of positions[i] ?? []) this.#place(position, { number, offset, storedBytes });
    });
  }

  /** On its own, so that nothing refers to the single frames while the pack is on its way. */
  async #takePack(): Promise<{ readonly pack: Pack; readonly positions: readonly (readonly number[])[] }> {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingByHash.clear();
    this.#pendingBytes = 0;
    const frames = await Promise.all(
      pending.map(async ({ chunk: { hash, rawBytes }, frame }) => ({ hash, rawBytes, frame: await frame })),
    );
    return { pack: encodePack(frames), positions: pending.map(({ positions }) => positions) };
  }

  #place(position: number, at: { number: number; offset: number; storedBytes: number }): void {
    const chunk = this.chunks[position];
    if (!chunk) throw new RangeError('a pending chunk has a position');
    const { number: pack, offset, storedBytes } = at;
    this.chunks[position] = { ...chunk, place: { kind: 'packed', pack, offset, storedBytes } };
  }

  async #compress(raw: Uint8Array): Promise<Uint8Array> {
    const frame = await compressChunk(raw);
    this.#pendingBytes += frame.byteLength;
    return frame;
  }

  #packNumber(pack: PackReference): number {
    let number = this.#packNumbers.get(pack.digest);
    if (number === undefined) {
      number = this.packs.push(pack) - 1;
      this.#packNumbers.set(pack.digest, number);
    }
    return number;
  }

  /** An object of that key that has another size was cut short, and is put once more. */
  async #upload(key: string, bytes: Uint8Array): Promise<void> {
    const { bucket } = this.#context;
    const object = { key, sizeBytes: bytes.byteLength, body: () => bytes };
    if (!(await putAbsent(object, this.#context))) {
      const { sizeBytes } = await bucket.head(key, waiting(this.#context));
      if (sizeBytes === bytes.byteLength) return;
      await bucket.put(key, bytes, waiting(this.#context));
    }
    this.uploadedBytes += bytes.byteLength;
  }
}

interface PendingChunk {
  readonly chunk: Chunk;
  readonly positions: number[];
  readonly frame: Promise<Uint8Array>;
}

/** False when there is an object of that key. */
async function putAbsent(
  object: { readonly key: string; readonly sizeBytes: number; readonly body: () => Uint8Array | ByteSource },
  context: PublishContext,
): Promise<boolean> {
  const { key, sizeBytes, body } = object;
  try {
    await context.bucket.put(key, body(), { sizeBytes, condition: { absent: true }, ...waiting(context) });
    return true;
  } catch (reason) {
    if (isCodedError(reason, 'already_exists')) return false;
    throw reason;
  }
}

async function* followedBy(head: Uint8Array, recipe: FileHandle): AsyncGenerator<Uint8Array> {
  yield head;
  yield* recipe.createReadStream({ start: 0, autoClose: false, highWaterMark: READ_BYTES }) as ByteSource;
}

async function openRecipe(folder: string, diffId: Digest): Promise<FileHandle> {
  try {
    return await open(join(folder, LAYER_FILES.recipe), 'r');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new CodedError(
      'not_found',
      `Cannot publish layer ${diffId} again: this node has no tar recipe of it`,
      {
        cure: 'Remove its images from this node, and pull them from their registry again',
        details: { localLayer: 'gone' },
        cause,
      },
    );
  }
}

/** Zeros where the blob is too short, which no hash will match. */
async function readChunk(blob: FileHandle, offset: number, sizeBytes: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0, bytesRead = -1; at < sizeBytes && bytesRead !== 0; at += bytesRead)
    ({ bytesRead } = await blob.read(bytes, at, sizeBytes - at, offset + at));
  return bytes;
}

function damagedBlob(diffId: Digest, offset: number): CodedError {
  return new CodedError(
    'data_loss',
    `Cannot publish layer ${diffId}: its blob is damaged on this node at byte ${offset}`,
    { cure: 'Check the disk; remove the images with this layer from this node, and pull them again' },
  );
}

function waiting({ signal }: { readonly signal?: AbortSignal }): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
