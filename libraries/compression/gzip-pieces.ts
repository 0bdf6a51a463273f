import { promisify } from 'node:util';
import { constants, crc32, deflateRaw } from 'node:zlib';
import type { ByteSource } from '@lade/streams';

const deflate = promisify(deflateRaw);

/** RFC 1952 §2.3: deflate, no flags, no time, no hint at the level, made on Unix. */
const HEADER = Buffer.from('1f8b0800000000000003', 'hex');
/** RFC 1951 §3.2.6: a last block with fixed codes, and nothing in it. */
const LAST_BLOCK = Buffer.from('0300', 'hex');

/** How far back deflate looks. */
const WINDOW_BYTES = 32 << 10;
/** Pieces that are worked on at the same time: of the four threads of the pool, one stays free for others. */
const LANES = 3;

/** Pieces are tried before, by parts of them; noise is not worth the time. */
const SAMPLES = 4;
const SAMPLE_BYTES = 4 << 10;
const NOISE_RATIO = 0.97;

/**
 * `source` as one gzip member. Its chunks are deflated side by side, each with the end of the one before it as a dictionary, so
 * that what comes out depends on nothing but the chunks. They should be large.
 */
export async function* gzipPieces(source: ByteSource): AsyncGenerator<Uint8Array> {
  yield HEADER;
  const lanes: Promise<Uint8Array>[] = [];
  let [checksum, sizeBytes, window] = [0, 0, Buffer.alloc(0)];
  for await (const chunk of source) {
    if (chunk.byteLength === 0) continue;
    const packed = pack(chunk, window);
    // Who waits for it hears of its failure.
    packed.catch(() => {});
    lanes.push(packed);
    window = Buffer.concat([window, chunk.subarray(-WINDOW_BYTES)]).subarray(-WINDOW_BYTES);
    checksum = crc32(chunk, checksum);
    sizeBytes += chunk.byteLength;
    if (lanes.length >= LANES) yield await (lanes.shift() ?? packed);
  }
  for (const packed of lanes) yield await packed;
  yield Buffer.concat([LAST_BLOCK, word(checksum), word(sizeBytes % 2 ** 32)]);
}

/** Blocks that end on a byte, so that others can follow. */
async function pack(chunk: Uint8Array, dictionary: Buffer): Promise<Uint8Array> {
  const finishFlush = constants.Z_SYNC_FLUSH;
  if (await isNoise(chunk)) return deflate(chunk, { level: 0, finishFlush });
  return deflate(chunk, { finishFlush, ...(dictionary.byteLength > 0 ? { dictionary } : {}) });
}

async function isNoise(chunk: Uint8Array): Promise<boolean> {
  const step = Math.floor(chunk.byteLength / SAMPLES);
  if (step < SAMPLE_BYTES) return false;
  const parts = Array.from({ length: SAMPLES }, (_, n) => chunk.subarray(n * step, n * step + SAMPLE_BYTES));
  const sample = Buffer.concat(parts);
  return (await deflate(sample, { level: 1 })).byteLength > sample.byteLength * NOISE_RATIO;
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
