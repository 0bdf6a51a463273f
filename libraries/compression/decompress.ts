import { addAbortSignal } from 'node:stream';
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';
import { CodedError } from '@lade/errors';
import type { ByteSource, PullSource } from '@lade/streams';
import { batchBytes } from './batch-bytes.ts';
import { detectCompression, type Compression } from './detect-compression.ts';
import { interruptible } from './interruptible.ts';
import { pullBatches } from './pull-batches.ts';
import { splitZstdFrames } from './zstd-frames.ts';

export interface DecompressOptions {
  /** The most output that is let through: the guard against decompression bombs. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

type Engine = Gunzip | ZstdDecompress;

const INPUT_BYTES = 1024 * 1024;
const OUTPUT_BYTES = 2 * 1024 * 1024;
const REFETCH = 'Fetch the data again; if that does not help, its publisher must pack it again';

/**
 * The plain bytes of `source`, packed as its first bytes say: gzip (any number of members, zero padding after the last),
 * zstd (any number of frames, skippable ones too) or not at all. Works on the next chunk in the thread pool while the
 * consumer has the last one; never holds more than a few chunks of at most 2 MiB. The chunks and the buffers beneath them
 * are the consumer's alone.
 *
 * Throws `data_loss` for input that is corrupt, cut short or followed by other bytes, `resource_exhausted` for more than
 * `maxBytes` of output, the reason of `signal`, and errors of `source` as they are. Leaving early returns the source's
 * iterator, after the read under way; an abort does not wait for that read.
 */
export async function* decompress(
  source: ByteSource | PullSource,
  options: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal } = options;
  await using input =
    typeof source === 'function'
      ? interruptible(pullBatches(source, INPUT_BYTES), signal)
      : batchBytes(interruptible(source, signal), INPUT_BYTES);
  const first = await input.next();
  if (first.done) return;
  const format = detectCompression(first.value);
  const pieces = prepend(first.value, input);
  const output = format === 'none' ? copy(pieces) : inflate(format, pieces, signal);
  yield* limitOutput(output, format, options.maxBytes);
}

async function* prepend(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

async function* copy(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield new Uint8Array(piece);
}

async function* limitOutput(
  output: AsyncIterable<Uint8Array>,
  format: Compression,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let produced = 0;
  for await (const chunk of output) {
    produced += chunk.byteLength;
    if (produced > maxBytes) throw tooLarge(format, maxBytes);
    yield chunk;
  }
}

async function* inflate(
  format: 'gzip' | 'zstd',
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const engine: Engine =
    format === 'gzip'
      ? createGunzip({ chunkSize: OUTPUT_BYTES })
      : createZstdDecompress({ chunkSize: OUTPUT_BYTES });
  if (signal) addAbortSignal(signal, engine);
  const feeding = feed(engine, format === 'gzip' ? pieces : splitZstdFrames(pieces));
  let produced = 0;
  try {
    for await (const chunk of engine as AsyncIterable<Uint8Array>) {
      produced += chunk.byteLength;
      yield chunk;
    }
    const failure = await feeding;
    if (failure) throw failure.reason;
  } catch (reason) {
    signal?.throwIfAborted();
    throw isEngineError(reason) ? corrupt(format, produced, reason) : reason;
  } finally {
    engine.destroy();
    await feeding;
  }
}

/**
 * Writes everything to `engine`, reading the next piece while it works on the last. Never rejects: a failure destroys
 * the engine and is also the result, because an engine that has ended already can no longer report it.
 */
async function feed(
  engine: Engine,
  pieces: AsyncIterable<Uint8Array>,
): Promise<{ readonly reason: unknown } | undefined> {
  let accepted = 0;
  let last: Uint8Array = new Uint8Array();
  let written = Promise.resolve();
  let hasEnded = false;
  // An engine that fails or is destroyed drops the callback of the write under way.
  let release = (): void => {};
  engine.once('close', () => release());
  const settle = async (): Promise<void> => {
    await written;
    const unread = accepted - engine.bytesWritten;
    if (unread === 0 || wasAbandoned(engine)) return;
    hasEnded = true;
    accepted -= unread;
    requirePadding(last.subarray(-unread), engine);
  };
  try {
    for await (const piece of pieces) {
      await settle();
      if (wasAbandoned(engine)) return undefined;
      if (hasEnded) {
        requirePadding(piece, engine);
        continue;
      }
      last = piece;
      accepted += piece.byteLength;
      written = new Promise((resolve) => {
        release = resolve;
        engine.write(piece, () => resolve());
      });
    }
    await settle();
    engine.end();
    return undefined;
  } catch (reason) {
    engine.destroy(reason as Error);
    return { reason };
  }
}

/** Whether the engine failed or its consumer left, as opposed to having come to the end of its output. */
function wasAbandoned(engine: Engine): boolean {
  return engine.destroyed && !engine.readableEnded;
}

/** node:zlib takes a zero after a gzip member for the end and ignores the rest, whatever it is. */
function requirePadding(bytes: Uint8Array, engine: Engine): void {
  if (bytes.every((byte) => byte === 0)) return;
  throw new CodedError(
    'data_loss',
    `Cannot decompress gzip data: other bytes follow its end at input byte ${engine.bytesWritten}`,
    { cure: REFETCH, details: { format: 'gzip' } },
  );
}

function isEngineError(reason: unknown): reason is NodeJS.ErrnoException {
  const { code } = reason as NodeJS.ErrnoException;
  return reason instanceof Error && typeof code === 'string' && /^(?:Z|ZSTD)_/.test(code);
}

function corrupt(format: Compression, offset: number, reason: NodeJS.ErrnoException): CodedError {
  const isMemory = /MEM_ERROR|memory_allocation|windowTooLarge/.test(reason.code ?? '');
  return new CodedError(
    isMemory ? 'resource_exhausted' : 'data_loss',
    `Cannot decompress ${format} data after output byte ${offset}: ${reason.message}`,
    {
      cure: isMemory ? 'Free memory, or have the data packed with a window of at most 128 MiB' : REFETCH,
      details: { format, offset, engineCode: reason.code },
      cause: reason,
    },
  );
}

function tooLarge(format: Compression, maxBytes: number): CodedError {
  const what = format === 'none' ? 'plain' : format;
  return new CodedError(
    'resource_exhausted',
    `Cannot unpack ${what} data: it has more than the allowed ${maxBytes} bytes`,
    { cure: 'Raise the limit if such a large layer is expected', details: { format, maxBytes } },
  );
}
