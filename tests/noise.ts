import { createCipheriv, hash } from 'node:crypto';

const CHUNK_BYTES = 1 << 20;
const STAMP_EVERY_BYTES = 4096;

/** Bytes without any pattern, the same for the same seed. */
export function noise(seed: string, sizeBytes: number): Buffer {
  const key = hash('md5', seed, 'buffer');
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

/**
 * Any number of bytes, made quickly while they are read: noise again and again, with the place stamped on every 4 KiB.
 * Those from `start` on, which is a multiple of 1 MiB, up to `end`.
 */
export async function* stampedNoise(seed: string, end: number, start = 0): AsyncGenerator<Buffer> {
  const block = noise(seed, CHUNK_BYTES);
  for (let at = start; at < end; at += CHUNK_BYTES) {
    const chunk = Buffer.from(block.subarray(0, Math.min(CHUNK_BYTES, end - at)));
    for (let stamp = 0; stamp + 8 <= chunk.byteLength; stamp += STAMP_EVERY_BYTES)
      chunk.writeDoubleLE(at + stamp, stamp);
    yield chunk;
  }
}
