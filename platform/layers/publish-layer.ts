import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bucket } from '@lade/bucket';
import { compressChunk } from '@lade/compression';
import { CodedError, isCodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import { fromBytes, type ByteSource } from '@lade/streams';
import type { ChunkCatalogue } from './chunk-catalogue.ts';
import type { Chunk } from './chunk.ts';
import { encodeIndexHead, type IndexHeader, type LayerIndex, type PackReference } from './index-object.ts';
import { LAYER_FILES } from './layer-files.ts';
import { indexKey, packKey } from './object-keys.ts';
import { PACK_TARGET_BYTES, encodePack } from './pack.ts';
import { readIndex } from './read-layer.ts';
import { readLocalIndex, writeLocalIndex } from './local-index.ts';
import { syncPacks } from './sync-packs.ts';

/** Frames compressed at the same time. */
const COMPRESSIONS = 2;
const READ_BYTES = 1 << 20;

export interface PublishContext {
  readonly bucket: Bucket;
  readonly catalogue: ChunkCatalogue;
  /** Resolves when background work may go on; conversions come first. */
  readonly turn: (signal: AbortSignal | undefined) => Promise<void>;
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
 * that is not there. Safe to repeat after a failure at any point. Where another node was first, its index is taken over.
 */
export async function publishLayer(folder: string, context: PublishContext): Promise<Published> {
  const local = await readLocalIndex(folder);
  const { diffId } = local.header;
  const theirs = await readIndex(context.bucket, diffId, waiting(context));
  if (theirs) return adopt(folder, theirs);
  await syncPacks(context.bucket, context.catalogue, waiting(context));
  await using blob = await open(join(folder, LAYER_FILES.blob), 'r');
  const packer = new Packer(context);
  let offset = 0;
  for (const chunk of local.chunks) {
    await context.turn(context.signal);
    context.signal?.throwIfAborted();
    if (chunk.place.kind !== 'local') packer.keep(chunk);
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
  if (!(await putIndex(folder, local.header, head, context))) {
    const winner = await readIndex(context.bucket, diffId, waiting(context));
    if (winner) return adopt(folder, winner);
    throw new CodedError('aborted', `Cannot publish layer ${diffId}: its index appeared and vanished again`);
  }
  const index = await writeLocalIndex(folder, head);
  await rm(join(folder, LAYER_FILES.recipe), { force: true });
  const uploadedBytes = packer.uploadedBytes + head.byteLength + local.header.storedRecipeBytes;
  return { index, uploadedBytes, reusedChunks: packer.reusedChunks };
}

async function adopt(folder: string, index: LayerIndex): Promise<Published> {
  await writeLocalIndex(folder, index.head);
  await rm(join(folder, LAYER_FILES.recipe), { force: true });
  return { index, uploadedBytes: 0, reusedChunks: index.chunks.length };
}

/** Puts chunks into packs, or finds them in the packs that exist. */
class Packer {
  readonly packs: PackReference[] = [];
  readonly chunks: Chunk[] = [];
  uploadedBytes = 0;
  reusedChunks = 0;
  readonly #context: PublishContext;
  readonly #packNumbers = new Map<Digest, number>();
  readonly #pendingByHash = new Map<string, number>();
  #pending: PendingChunk[] = [];
  #pendingBytes = 0;

  constructor(context: PublishContext) {
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
    const raw = await readFully(blob, offset, chunk.rawBytes);
    this.#pendingByHash.set(name, this.#pending.length);
    this.#pending.push({ chunk, positions: [position], frame: this.#compress(raw) });
    if (this.#pending.length >= COMPRESSIONS) await this.#pending.at(-COMPRESSIONS)?.frame;
    if (this.#pendingBytes >= PACK_TARGET_BYTES) await this.close();
  }

  /** Uploads what is pending as one pack. */
  async close(): Promise<void> {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingByHash.clear();
    this.#pendingBytes = 0;
    const frames = await Promise.all(
      pending.map(async ({ chunk, frame }) => ({
        hash: chunk.hash,
        rawBytes: chunk.rawBytes,
        frame: await frame,
      })),
    );
    const pack = encodePack(frames);
    await this.#upload(packKey(pack.digest), pack.bytes);
    const reference = { digest: pack.digest, sizeBytes: pack.bytes.byteLength };
    this.#context.catalogue.addPack(reference, pack.entries);
    const number = this.#packNumber(reference);
    pack.entries.forEach(({ offset, storedBytes }, i) => {
      for (const position of pending[i]?.positions ?? [])
        this.#place(position, { number, offset, storedBytes });
    });
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

  async #upload(key: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.#context.bucket.put(key, bytes, { condition: { absent: true }, ...waiting(this.#context) });
      this.uploadedBytes += bytes.byteLength;
    } catch (reason) {
      if (!isCodedError(reason, 'already_exists')) throw reason;
    }
  }
}

interface PendingChunk {
  readonly chunk: Chunk;
  readonly positions: number[];
  readonly frame: Promise<Uint8Array>;
}

/** False when another node's index was there first. */
async function putIndex(
  folder: string,
  { diffId, storedRecipeBytes }: IndexHeader,
  head: Uint8Array,
  context: PublishContext,
): Promise<boolean> {
  await using recipe = await open(join(folder, LAYER_FILES.recipe), 'r');
  const body = followedBy(head, recipe.createReadStream({ autoClose: false, highWaterMark: READ_BYTES }));
  try {
    const sizeBytes = head.byteLength + storedRecipeBytes;
    await context.bucket.put(indexKey(diffId), body, {
      sizeBytes,
      condition: { absent: true },
      ...waiting(context),
    });
    return true;
  } catch (reason) {
    if (isCodedError(reason, 'already_exists')) return false;
    throw reason;
  }
}

async function* followedBy(head: Uint8Array, rest: ByteSource): AsyncGenerator<Uint8Array> {
  yield* fromBytes(head);
  yield* rest;
}

async function readFully(file: FileHandle, offset: number, sizeBytes: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let at = 0;
  while (at < sizeBytes) {
    const { bytesRead } = await file.read(bytes, at, sizeBytes - at, offset + at);
    if (bytesRead === 0)
      throw new CodedError('data_loss', `Cannot publish layer: its blob ends at ${offset + at}`);
    at += bytesRead;
  }
  return bytes;
}

function waiting({ signal }: { readonly signal?: AbortSignal }): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
