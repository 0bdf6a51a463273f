import { noise } from './noise.ts';

/** A start from which the same numbers in [0, 1) follow. */
export function seededRandom(seed: number): () => number {
  const bytes = noise(`random ${seed}`, 4 * 10_000);
  let at = 0;
  return () => bytes.readUInt32LE((at++ % 10_000) * 4) / 2 ** 32;
}
