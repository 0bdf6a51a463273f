import { hash } from 'node:crypto';
import { CodedError, isCodedError } from '@lade/errors';
import { hotKey, type HotChunk } from '@lade/layers';
import type { BlobContext } from './blob-context.ts';
import type { ChunkSink } from './bring-chunks.ts';

type StreamContext = Pick<BlobContext, 'room' | 'counters' | 'log'>;

/** A stream that brings nothing for so long is left: who waits is served in another way. */
const STALL_MS = 2_000;

/**
 * Brings the chunks `numbers` to the sink from a stream that has them, as they come. Those that do not come, or are not what
 * the sink's table says, fail. Never throws.
 */
export async function bringStream(
  numbers: readonly number[],
  stream: AsyncIterable<readonly HotChunk[]>,
  sink: ChunkSink,
  context: StreamContext,
): Promise<void> {
  const missing = new Set(numbers);
  let reason: unknown = new CodedError('unavailable', 'Cannot go on: the stream has ended');
  try {
    for await (const arrived of withoutStalls(stream, sink.signal)) {
      const wanted = arrived.filter(({ number }) => missing.delete(number));
      await take(wanted, sink, context);
      if (missing.size === 0) return;
    }
  } catch (failure) {
    reason = failure;
    if (isCodedError(failure, 'data_loss')) context.counters.verificationFailures++;
    if (!sink.signal.aborted)
      context.log.warn('hot chunks did not all come', { object: hotKey(sink.diffId), error: failure });
  }
  for (const number of missing) sink.failed(number, reason);
}

/** Puts chunks that have arrived into the file. Never throws. */
async function take(chunks: readonly HotChunk[], sink: ChunkSink, context: StreamContext): Promise<void> {
  const sound = chunks.filter((chunk) => isSound(chunk, sink, context));
  for (const run of joinNeighbours(sound)) {
    try {
      using _ = await context.room.reserve(run.raw.byteLength, 'ahead');
      await sink.file.write(run.first, run.raw);
      for (let n = run.first; n < run.end; n++) sink.arrived(n, 'hot');
    } catch (reason) {
      for (let n = run.first; n < run.end; n++) sink.failed(n, reason);
    }
  }
}

function isSound({ number, raw }: HotChunk, sink: ChunkSink, { counters, log }: StreamContext): boolean {
  const { table, diffId } = sink;
  if (hash('sha256', raw, 'buffer').equals(table.get(number).hash)) return true;
  counters.verificationFailures++;
  log.error('chunk of a start is damaged in the bucket', { object: hotKey(diffId), chunk: number });
  const message = `Cannot use chunk ${number} in ${hotKey(diffId)}: it is damaged`;
  sink.failed(number, new CodedError('data_loss', message));
  return false;
}

interface ChunkRun {
  readonly first: number;
  readonly end: number;
  readonly raw: Uint8Array;
}

/** Chunks that follow one another in the blob and in memory are written at once. */
function joinNeighbours(chunks: readonly HotChunk[]): ChunkRun[] {
  const runs: ChunkRun[] = [];
  for (const { number, raw } of chunks) {
    const last = runs.at(-1);
    const isNext =
      last?.end === number &&
      last.raw.buffer === raw.buffer &&
      last.raw.byteOffset + last.raw.byteLength === raw.byteOffset;
    if (!last || !isNext) runs.push({ first: number, end: number + 1, raw });
    else {
      const bytes = last.raw.byteLength + raw.byteLength;
      runs.splice(-1, 1, {
        first: last.first,
        end: number + 1,
        raw: new Uint8Array(raw.buffer, last.raw.byteOffset, bytes),
      });
    }
  }
  return runs;
}

/** One timer and one listener for all pieces: there are thousands. */
async function* withoutStalls<T>(stream: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = stream[Symbol.asyncIterator]();
  const { promise: trouble, reject } = Promise.withResolvers<never>();
  trouble.catch(() => {});
  let isWaiting = false;
  const stall = new CodedError('deadline_exceeded', `Cannot go on: no byte came for ${STALL_MS} ms`);
  const timer = setTimeout(() => isWaiting && reject(stall), STALL_MS);
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    for (;;) {
      signal.throwIfAborted();
      timer.refresh();
      isWaiting = true;
      const next = await Promise.race([iterator.next(), trouble]);
      isWaiting = false;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
