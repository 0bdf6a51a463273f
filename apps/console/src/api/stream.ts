import type { StreamFailure } from '@lade/control-protocol';
import { ApiError, isAbort, toApiError } from './api-error.ts';
import { decodeLines } from './decode-lines.ts';
import { send, type Call } from './request.ts';

/** The events of a call, in the batches in which they arrive; an empty one first, when the stream is open. Throws an ApiError for what the daemon says has failed. */
export async function* readBatches<T extends object>(call: Call): AsyncGenerator<readonly T[]> {
  const { body } = await send(call);
  if (body === null) return;
  yield [];
  try {
    for await (const batch of decodeLines<T | StreamFailure>(body)) {
      const failed = batch.findIndex((event) => isFailure(event));
      if (failed < 0) {
        yield batch as readonly T[];
        continue;
      }
      yield batch.slice(0, failed) as T[];
      throw new ApiError((batch[failed] as StreamFailure).error);
    }
  } catch (reason) {
    throw isAbort(reason) ? reason : toApiError(reason);
  }
}

function isFailure(event: object): event is StreamFailure {
  return (event as Partial<StreamFailure>).kind === 'error';
}

/** Same, one event at a time. */
export async function* readEvents<T extends object>(call: Call): AsyncGenerator<T> {
  for await (const batch of readBatches<T>(call)) yield* batch;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

export interface Follower<T> {
  /** Made anew for each connection, so that it can say where to go on. */
  readonly call: () => Call;
  readonly take: (batch: readonly T[]) => void;
  /** Undefined while it is connected. */
  readonly broken: (error: ApiError | undefined) => void;
}

/** Follows a stream until aborted: whenever it ends, connects again, after pauses that grow while that fails. */
export async function followStream<T extends object>(
  follower: Follower<T>,
  signal: AbortSignal,
): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      for await (const batch of readBatches<T>({ ...follower.call(), signal })) {
        follower.broken(undefined);
        if (batch.length === 0) continue;
        pauseMs = FIRST_PAUSE_MS;
        follower.take(batch);
      }
    } catch (reason) {
      if (signal.aborted) return;
      follower.broken(toApiError(reason));
    }
    await pause(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
