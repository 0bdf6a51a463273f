import type { Readable } from 'node:stream';
import { CodedError } from '@lade/errors';
import { rangeEnd, type ByteRange } from '../byte-range.ts';
import type { Traffic } from '../traffic.ts';
import { ArrivingChunks } from './arriving-chunks.ts';

/** The Range header that asks for it; undefined for a whole object. */
export function rangeHeader({ offset, length }: ByteRange): string | undefined {
  if (offset === 0 && length === Infinity) return undefined;
  return `bytes=${offset}-${length === Infinity ? '' : offset + length - 1}`;
}

/** How large the object and the answer's body are, by the headers of an answer that is the range asked for. */
export function answeredRange(
  headers: { readonly contentRange: string | undefined; readonly contentLength: number },
  range: ByteRange,
  key: string,
): { sizeBytes: number; bodyBytes: number } {
  const { contentRange, contentLength } = headers;
  const [, start = '0', total = String(contentLength)] =
    /^bytes (\d+)-\d+\/(\d+)$/.exec(contentRange ?? '') ?? [];
  const sizeBytes = Number(total);
  const bodyBytes = rangeEnd(range, sizeBytes, key) - range.offset;
  if (Number(start) === range.offset && contentLength === bodyBytes) return { sizeBytes, bodyBytes };
  throw new CodedError(
    'unimplemented',
    `Cannot read ${key} from byte ${range.offset}: the store gave another range`,
    {
      cure: 'Use a store that knows ranges, and look for a cache or proxy in between',
    },
  );
}

/** What a body is read with: the failures of its stream get their class from `toFailure`. */
export interface BodyReading {
  readonly bodyBytes: number;
  readonly signal: AbortSignal | undefined;
  readonly toFailure: (reason: unknown) => CodedError;
  readonly cutShort: (state: string) => Error;
  readonly traffic: Traffic | undefined;
}

/** The bytes of an answer, all of them, or throws; the stream is closed in any case. */
export async function* readBody(
  stream: Readable,
  { bodyBytes, signal, toFailure, cutShort, traffic }: BodyReading,
): AsyncGenerator<Uint8Array> {
  // One listener for the whole body: a promise for each chunk that an abort can win costs as much as the chunk.
  const abort = (): void => void stream.destroy(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  let seen = 0;
  try {
    signal?.throwIfAborted();
    const chunks = new ArrivingChunks(stream);
    for (let chunk = await chunks.next(); chunk; chunk = await chunks.next()) {
      seen += chunk.byteLength;
      if (traffic?.receive) await traffic.receive(chunk.byteLength, signal);
      yield chunk;
    }
  } catch (reason) {
    signal?.throwIfAborted();
    throw toFailure(reason);
  } finally {
    signal?.removeEventListener('abort', abort);
    stream.destroy();
  }
  if (seen === bodyBytes) return;
  // Where it aborts without a reason, the stream just ends.
  signal?.throwIfAborted();
  throw cutShort(`${seen} of ${bodyBytes} bytes came`);
}

/** The ETag without its quotes: some stores give them in one answer and not in another. */
export function versionOf(etag: string | undefined): string {
  return (etag ?? '').replace(/^"(.*)"$/, '$1');
}
