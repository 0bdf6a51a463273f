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
  stream: AsyncIterable<HotChunk>,
  sink: ChunkSink,
  context: StreamContext,
): Promise<void> {
  const missing = new Set(numbers);
  let reason: unknown = new CodedError('unavailable', 'Cannot go on: the stream has ended');
  try {
    for await (const chunk of withoutStalls(stream, sink.signal)) {
      if (!missing.delete(chunk.number)) continue;
      await take(chunk, sink, context).catch((failure: unknown) => sink.failed(chunk.number, failure));
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

async function take(
  { number, raw }: HotChunk,
  sink: ChunkSink,
  { room, counters, log }: StreamContext,
): Promise<void> {
  const { table, file, diffId } = sink;
  const chunk = table.get(number);
  if (!hash('sha256', raw, 'buffer').equals(chunk.hash)) {
    counters.verificationFailures++;
    log.error('chunk of a start is damaged in the bucket', { object: hotKey(diffId), chunk: number });
    throw new CodedError('data_loss', `Cannot use chunk ${number} in ${hotKey(diffId)}: it is damaged`);
  }
  using _ = await room.reserve(chunk.rawBytes, 'ahead');
  await file.write(number, raw);
  counters.fetchedChunks++;
  sink.arrived(number, { fetchedBytes: chunk.rawBytes, copiedBytes: 0 });
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
