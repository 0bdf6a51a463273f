import { hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import { hashOf, type Digest } from '@lade/oci';
import { collectBytes } from '@lade/streams';
import { ByteReader } from './byte-reader.ts';
import type { ChunkTable } from './chunk-table.ts';
import { hotKey } from './object-keys.ts';

/*
 * hot/sha256/<diff id>: the chunks of a layer that a start touches, in that order, so that one read from the front brings all of
 * them. Only a hint: every chunk is checked by the hash in the layer's index. Integers little-endian.
 *
 *   offset  size  meaning
 *        0     8  magic "LADEHOTC"
 *        8     4  version, 2
 *       12     4  chunks
 *       16    32  diff id
 *       48   8 ×  number of the chunk in its layer (4), its raw size (4)
 *        …    32  sha256 of all before
 *        …        the raw chunks one after the other, as one zstd stream
 */
const MAGIC = Buffer.from('LADEHOTC', 'latin1');
const VERSION = 2;
const HEADER_BYTES = 48;
const ENTRY_BYTES = 8;
const HASH_BYTES = 32;

/** These bytes stand between every node and its container: worth some ten seconds of one processor, once. */
const LEVELS = { few: 19, many: 12 } as const;
const FEW_BYTES = 32 << 20;
/** What a reader has to keep in memory: 4 MiB. */
const WINDOW_LOG = 22;

/** Each piece is a turn of the thread pool. */
const PIECE_BYTES = 256 << 10;

/** More than that is no start. */
const MAX_RAW_BYTES = 96 << 20;
const MAX_CHUNK_BYTES = 1 << 20;
const MAX_CHUNKS = 1 << 20;

export interface HotChunk {
  /** In its layer. */
  readonly number: number;
  /** Not checked by anybody yet. */
  readonly raw: Uint8Array;
}

/** What the bucket knows of starts with a layer; chunks() may be read once. Disposal ends the read. */
export interface HotChunks extends AsyncDisposable {
  /** In the order in which a start touches them. */
  readonly numbers: readonly number[];
  /** In that order, those that have arrived at a time. Throws `data_loss` when they are damaged or end too early. */
  chunks(): AsyncIterable<readonly HotChunk[]>;
  /** From the bucket, so far. */
  readonly fetchedBytes: number;
}

interface HotSource {
  readonly diffId: Digest;
  readonly table: ChunkTable;
  readonly blob: FileHandle;
}

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** Opens what the bucket knows of starts with this layer; undefined where it knows nothing. Throws `data_loss` for a damaged list. */
export async function openHotChunks(
  bucket: Bucket,
  diffId: Digest,
  options: WaitOptions = {},
): Promise<HotChunks | undefined> {
  const key = hotKey(diffId);
  await using stack = new AsyncDisposableStack();
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const object = await bucket.get(key, { signal }).catch((reason: unknown) => {
    if (isCodedError(reason, 'not_found')) return undefined;
    throw reason;
  });
  if (!object) return undefined;
  const reader = stack.use(new ByteReader(object.body, key));
  const entries = await readEntries(reader, diffId);
  const owned = stack.move();
  return {
    numbers: entries.map(({ number }) => number),
    get fetchedBytes() {
      return reader.takenBytes;
    },
    chunks: () => readChunks(entries, owned.use(new ByteReader(decompress(reader, diffId), key))),
    async [Symbol.asyncDispose]() {
      // First, so that nothing waits for bytes that may never come.
      stop.abort();
      await owned.disposeAsync().catch(() => {});
    },
  };
}

async function* readChunks(entries: readonly Entry[], raw: ByteReader): AsyncGenerator<readonly HotChunk[]> {
  let arrived: HotChunk[] = [];
  for (const { number, rawBytes } of entries) {
    if (arrived.length > 0 && raw.availableBytes < rawBytes) {
      yield arrived;
      arrived = [];
    }
    arrived.push({ number, raw: await raw.read(rawBytes) });
  }
  yield arrived;
}

/** As the bytes come, however few. */
async function* decompress(reader: ByteReader, diffId: Digest): AsyncGenerator<Uint8Array> {
  const zstd = createZstdDecompress({ chunkSize: PIECE_BYTES });
  const feeding = pipeline(reader.rest(), zstd).catch(() => {});
  try {
    yield* zstd;
  } catch (cause) {
    throw isCodedError(cause) ? cause : damaged(diffId, 'its chunks are damaged', cause);
  } finally {
    zstd.destroy();
    await feeding;
  }
}

/**
 * Publishes the chunks `numbers` of a resident blob, in this order, in the place of what the bucket knew: as many as are
 * worth it. Returns how many. Throws `data_loss` when the blob is damaged.
 */
export async function publishHotChunks(
  numbers: readonly number[],
  source: HotSource,
  bucket: Bucket,
  options: WaitOptions = {},
): Promise<number> {
  const { diffId, table } = source;
  const entries: Entry[] = [];
  let bytes = 0;
  for (const number of numbers) {
    const { rawBytes, place } = table.get(number);
    if (place.kind === 'zero') continue;
    bytes += rawBytes;
    if (bytes > MAX_RAW_BYTES) break;
    entries.push({ number, rawBytes });
  }
  if (entries.length === 0) return 0;
  const params = {
    [constants.ZSTD_c_compressionLevel]: bytes <= FEW_BYTES ? LEVELS.few : LEVELS.many,
    [constants.ZSTD_c_windowLog]: WINDOW_LOG,
  };
  const zstd = createZstdCompress({ params });
  const feeding = pipeline(readBlob(entries, source), zstd, options);
  const [stored] = await Promise.all([collectBytes(zstd, Infinity), feeding]);
  await bucket.put(hotKey(diffId), Buffer.concat([encodeList(entries, diffId), stored]), options);
  return entries.length;
}

async function* readBlob(
  entries: readonly Entry[],
  { diffId, table, blob }: HotSource,
): AsyncGenerator<Uint8Array> {
  for (const { number, rawBytes } of entries) {
    const raw = Buffer.alloc(rawBytes);
    await blob.read(raw, 0, rawBytes, table.offsetOf(number));
    requireHash(raw, table.get(number).hash, diffId);
    yield raw;
  }
}

function encodeList(entries: readonly Entry[], diffId: Digest): Uint8Array {
  const list = Buffer.alloc(HEADER_BYTES + entries.length * ENTRY_BYTES);
  MAGIC.copy(list, 0);
  list.writeUInt32LE(VERSION, 8);
  list.writeUInt32LE(entries.length, 12);
  list.set(hashOf(diffId), 16);
  entries.forEach(({ number, rawBytes }, i) => {
    list.writeUInt32LE(number, HEADER_BYTES + i * ENTRY_BYTES);
    list.writeUInt32LE(rawBytes, HEADER_BYTES + i * ENTRY_BYTES + 4);
  });
  return Buffer.concat([list, hash('sha256', list, 'buffer')]);
}

interface Entry {
  readonly number: number;
  readonly rawBytes: number;
}

/** Throws `data_loss` for damage, `unimplemented` for a version that this release does not know. */
async function readEntries(reader: ByteReader, diffId: Digest): Promise<readonly Entry[]> {
  const header = await reader.read(HEADER_BYTES);
  if (!header.subarray(0, 8).equals(MAGIC)) throw damaged(diffId, 'it is no list of hot chunks');
  const version = header.readUInt32LE(8);
  if (version !== VERSION)
    throw new CodedError('unimplemented', `Cannot read ${hotKey(diffId)}: version ${version}`, {
      cure: 'Upgrade Lade on this node',
    });
  const count = header.readUInt32LE(12);
  if (count > MAX_CHUNKS) throw damaged(diffId, `it has ${count} chunks`);
  const list = await reader.read(count * ENTRY_BYTES);
  const seal = hash('sha256', Buffer.concat([header, list]), 'buffer');
  if (!seal.equals(await reader.read(HASH_BYTES))) throw damaged(diffId, 'it does not match its hash');
  if (!header.subarray(16, 48).equals(hashOf(diffId))) throw damaged(diffId, 'it is of another layer');
  const entries = Array.from({ length: count }, (_, i) => ({
    number: list.readUInt32LE(i * ENTRY_BYTES),
    rawBytes: list.readUInt32LE(i * ENTRY_BYTES + 4),
  }));
  if (entries.some(({ rawBytes }) => rawBytes > MAX_CHUNK_BYTES))
    throw damaged(diffId, 'a chunk is larger than any can be');
  return entries;
}

function requireHash(raw: Uint8Array, expected: Uint8Array, diffId: Digest): void {
  if (hash('sha256', raw, 'buffer').equals(expected)) return;
  throw new CodedError(
    'data_loss',
    `Cannot publish hot chunks of layer ${diffId}: its blob is damaged on this node`,
  );
}

function damaged(diffId: Digest, why: string, cause?: unknown): CodedError {
  return new CodedError('data_loss', `Cannot read ${hotKey(diffId)}: ${why}`, {
    cure: 'Remove the object; the next start of a container with this layer writes it again',
    cause,
  });
}
