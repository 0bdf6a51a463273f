import { createCipheriv, hash } from 'node:crypto';

/** Bytes without any pattern, the same for the same seed. */
export function noise(seed: string, sizeBytes: number): Buffer {
  const key = hash('md5', seed, 'buffer');
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}
