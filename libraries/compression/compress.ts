import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import type { ByteSource } from '@lade/streams';
import type { Compression } from './detect-compression.ts';
import { gzipPieces } from './gzip-pieces.ts';
import { interruptible } from './interruptible.ts';

const OUTPUT_BYTES = 256 * 1024;

/**
 * `source` packed as `format` says, at the usual level: one gzip member without name and time, or one zstd frame. The same chunks
 * give the same bytes. Works in the thread pool, and holds a few chunks, which stay as they are. Throws errors of `source` as they
 * are, and the reason of `signal`. Leaving early returns the source's iterator.
 */
export async function* compress(
  source: ByteSource,
  format: Compression,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = interruptible(source, options.signal);
  if (format === 'none') yield* pieces;
  else if (format === 'gzip') yield* gzipPieces(pieces);
  else yield* zstd(pieces);
}

async function* zstd(source: ByteSource): AsyncGenerator<Uint8Array> {
  const engine = createZstdCompress({ chunkSize: OUTPUT_BYTES });
  // Who reads the engine hears of its failure.
  const feeding = pipeline(source, engine).catch(() => {});
  try {
    yield* engine as AsyncIterable<Uint8Array>;
  } finally {
    engine.destroy();
    await feeding;
  }
}
