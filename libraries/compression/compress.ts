import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import type { ByteSource } from '@lade/streams';
import type { Compression } from './detect-compression.ts';
import { interruptible } from './interruptible.ts';

const OUTPUT_BYTES = 256 * 1024;

/**
 * `source` packed as `format` says: one gzip member without name and time, or one zstd frame, at the usual level. The same chunks give
 * the same bytes. Works in the thread pool and holds a few chunks. Throws errors of `source` as they are, and the reason
 * of `signal`. Leaving early returns the source's iterator.
 */
export async function* compress(
  source: ByteSource,
  format: Compression,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal } = options;
  if (format === 'none') {
    yield* interruptible(source, signal);
    return;
  }
  const engine =
    format === 'gzip'
      ? createGzip({ chunkSize: OUTPUT_BYTES })
      : createZstdCompress({ chunkSize: OUTPUT_BYTES });
  // Who reads the engine hears of its failure.
  const feeding = pipeline(source, engine, signal ? { signal } : {}).catch(() => {});
  try {
    yield* engine as AsyncIterable<Uint8Array>;
  } catch (reason) {
    signal?.throwIfAborted();
    throw reason;
  } finally {
    engine.destroy();
    await feeding;
  }
}
