import assert from 'node:assert/strict';
import { TarDecoder, type TarDecoderOptions } from '../tar-decoder.ts';
import type { TarEntry } from '../tar-entry.ts';

/** For tests: all that a decoder told about an archive. */
export interface Recording {
  readonly entries: readonly (TarEntry & { readonly content: Buffer })[];
  /** Everything from raw() and data(), in order. */
  readonly bytes: Buffer;
}

/** Decodes `archive` handed over in chunks of the sizes that `nextSize` gives. */
export function recordTar(
  archive: Uint8Array,
  nextSize: () => number = () => archive.byteLength,
  options: TarDecoderOptions = {},
): Recording {
  const found: { entry: TarEntry; data: Buffer[] }[] = [];
  const pieces: Buffer[] = [];
  const decoder = new TarDecoder(
    {
      raw: (bytes) => void pieces.push(Buffer.from(bytes)),
      entry: (entry) => void found.push({ entry, data: [] }),
      data: (bytes) => {
        pieces.push(Buffer.from(bytes));
        found.at(-1)?.data.push(Buffer.from(bytes));
      },
    },
    options,
  );
  for (let at = 0, size = 0; at < archive.byteLength; at += size) {
    size = nextSize();
    decoder.write(archive.subarray(at, at + size));
  }
  decoder.end();
  const entries = found.map(({ entry, data }) => ({ ...entry, content: Buffer.concat(data) }));
  return { entries, bytes: Buffer.concat(pieces) };
}

/** Decodes `archive` cut in many ways and asserts that each gives the same entries and the exact bytes. */
export function recordEveryCut(archive: Uint8Array): Recording {
  const whole = recordTar(archive);
  const random = pseudoRandom(archive.byteLength);
  const sizes = [() => 1, () => 511, () => 512, () => 513, () => 1 + random(1500), () => 1 + random(30)];
  for (const nextSize of sizes) {
    const recording = recordTar(archive, nextSize);
    assert.deepEqual(recording.entries, whole.entries);
    assert.ok(recording.bytes.equals(archive));
  }
  assert.ok(whole.bytes.equals(archive));
  for (const entry of whole.entries) assert.equal(entry.content.byteLength, entry.storedBytes, entry.path);
  return whole;
}

/** Repeatable integers from 0 to below `limit`. */
export function pseudoRandom(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
