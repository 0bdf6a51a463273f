import { hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Bucket } from '@lade/bucket';
import { compressChunk } from '@lade/compression';
import { CodedError, isCodedError } from '@lade/errors';
import { digestFromHash, hashOf, type Digest } from '@lade/oci';
import { collectBytes } from '@lade/streams';
import type { ChunkTable } from './chunk-table.ts';
import { hotKey, packKey } from './object-keys.ts';
import { encodePack } from './pack.ts';

/*
 * hot/sha256/<diff id>: the chunks of a layer that a start touches, in that order, and a pack that has their frames in the
 * same order, so that a few long reads bring all of them. Only a hint: every chunk is checked by the hash in the layer's index. Integers little-endian.
 *
 *   offset  size  meaning
 *        0     8  magic "LADEHOTC"
 *        8     4  version, 1
 *       12     4  chunks
 *       16    32  diff id
 *       48    32  digest of the pack
 *       80  12 ×  number of the chunk in its layer (4), offset (4) and stored size (4) of its frame in the pack
 *        …    32  sha256 of all before
 */
const MAGIC = Buffer.from('LADEHOTC', 'latin1');
const VERSION = 1;
const HEADER_BYTES = 80;
const ENTRY_BYTES = 12;
const HASH_BYTES = 32;
const MAX_OBJECT_BYTES = 16 << 20;

/** These bytes stand between every node and its container: worth ten times the work, once. */
const HOT_LEVEL = 15;

/** More than that is no start; it bounds the memory of both sides, too. */
const MAX_HOT_BYTES = 24 << 20;

interface HotChunk {
  /** In its layer. */
  readonly number: number;
  /** Of its frame in the pack. */
  readonly offset: number;
  readonly storedBytes: number;
}

export interface HotChunks {
  readonly pack: Digest;
  /** In the order in which a start touches them. */
  readonly chunks: readonly HotChunk[];
}

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** What the bucket knows of starts with this layer; undefined where it knows nothing. Throws `data_loss` for a damaged object. */
export async function readHotChunks(
  bucket: Bucket,
  diffId: Digest,
  options: WaitOptions = {},
): Promise<HotChunks | undefined> {
  try {
    const { body } = await bucket.get(hotKey(diffId), options);
    return decodeHotChunks(await collectBytes(body, MAX_OBJECT_BYTES), diffId);
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return undefined;
    throw reason;
  }
}

/**
 * Publishes the chunks `numbers` of a resident blob, in this order, in the place of what the bucket knew: as many as are
 * worth it. Returns how many. Throws `data_loss` when the blob is damaged.
 */
export async function publishHotChunks(
  numbers: readonly number[],
  source: { readonly diffId: Digest; readonly table: ChunkTable; readonly blob: FileHandle },
  bucket: Bucket,
  options: WaitOptions = {},
): Promise<number> {
  const frames: { number: number; hash: Uint8Array; rawBytes: number; frame: Uint8Array }[] = [];
  let packBytes = 0;
  for (const number of numbers) {
    options.signal?.throwIfAborted();
    const { hash, rawBytes, place } = source.table.get(number);
    if (place.kind === 'zero') continue;
    const raw = Buffer.alloc(rawBytes);
    await source.blob.read(raw, 0, rawBytes, source.table.offsetOf(number));
    requireHash(raw, hash, source.diffId);
    const frame = await compressChunk(raw, { level: HOT_LEVEL });
    packBytes += frame.byteLength;
    if (packBytes > MAX_HOT_BYTES) break;
    frames.push({ number, hash, rawBytes, frame });
  }
  if (frames.length === 0) return 0;
  const { digest, bytes, entries } = encodePack(frames);
  await bucket.put(packKey(digest), bytes, options);
  const chunks = entries.map(({ offset, storedBytes }, i) => {
    const { number = 0 } = frames[i] ?? {};
    return { number, offset, storedBytes };
  });
  await bucket.put(hotKey(source.diffId), encodeHotChunks({ pack: digest, chunks }, source.diffId), options);
  return frames.length;
}

/** @internal */
export function encodeHotChunks({ pack, chunks }: HotChunks, diffId: Digest): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES + chunks.length * ENTRY_BYTES + HASH_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(chunks.length, 12);
  bytes.set(hashOf(diffId), 16);
  bytes.set(hashOf(pack), 48);
  chunks.forEach(({ number, offset, storedBytes }, i) => {
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    bytes.writeUInt32LE(number, at);
    bytes.writeUInt32LE(offset, at + 4);
    bytes.writeUInt32LE(storedBytes, at + 8);
  });
  const sealed = bytes.subarray(0, -HASH_BYTES);
  bytes.set(hash('sha256', sealed, 'buffer'), sealed.byteLength);
  return bytes;
}

/** Throws `data_loss` for damage, `unimplemented` for a version that this release does not know. @internal */
export function decodeHotChunks(bytes: Uint8Array, diffId: Digest): HotChunks {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sealedBytes = view.byteLength - HASH_BYTES;
  if (sealedBytes < HEADER_BYTES || !view.subarray(0, 8).equals(MAGIC))
    throw damaged(diffId, 'it is no list of hot chunks');
  if (view.readUInt32LE(8) !== VERSION)
    throw new CodedError('unimplemented', `Cannot read ${hotKey(diffId)}: version ${view.readUInt32LE(8)}`, {
      cure: 'Upgrade Lade on this node',
    });
  const count = view.readUInt32LE(12);
  const seal = hash('sha256', view.subarray(0, sealedBytes), 'buffer');
  if (HEADER_BYTES + count * ENTRY_BYTES !== sealedBytes || !seal.equals(view.subarray(sealedBytes)))
    throw damaged(diffId, 'it does not match its hash');
  if (!view.subarray(16, 48).equals(hashOf(diffId))) throw damaged(diffId, 'it is of another layer');
  const chunks = Array.from({ length: count }, (_, i) => {
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    return {
      number: view.readUInt32LE(at),
      offset: view.readUInt32LE(at + 4),
      storedBytes: view.readUInt32LE(at + 8),
    };
  });
  return { pack: digestFromHash(view.subarray(48, 80)), chunks };
}

function requireHash(raw: Uint8Array, expected: Uint8Array, diffId: Digest): void {
  if (hash('sha256', raw, 'buffer').equals(expected)) return;
  throw new CodedError(
    'data_loss',
    `Cannot publish hot chunks of layer ${diffId}: its blob is damaged on this node`,
  );
}

function damaged(diffId: Digest, why: string): CodedError {
  return new CodedError('data_loss', `Cannot read ${hotKey(diffId)}: ${why}`, {
    cure: 'Remove the object; the next start of a container with this layer writes it again',
  });
}
