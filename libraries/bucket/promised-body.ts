import { CodedError } from '@lade/errors';
import { fromBytes, orAbort, type ByteSource } from '@lade/streams';
import type { PutOptions } from './bucket.ts';

/** The size that a body promises to have. TypeError for a stream without one. */
export function promisedSize(body: Uint8Array | ByteSource, { sizeBytes }: PutOptions): number {
  const promised = sizeBytes ?? (body instanceof Uint8Array ? body.byteLength : undefined);
  if (promised === undefined) throw new TypeError('a streamed body needs sizeBytes');
  if (!Number.isSafeInteger(promised) || promised < 0)
    throw new RangeError(`${promised} is no size in bytes`);
  return promised;
}

/**
 * Passes a body through, throws `invalid_argument` as soon as it is known not to have the promised size, and the reason
 * of the signal when that aborts, even while the body is waited for.
 */
export async function* promisedBody(
  body: Uint8Array | ByteSource,
  key: string,
  sizeBytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const source = (body instanceof Uint8Array ? fromBytes(body) : body)[Symbol.asyncIterator]();
  let seen = 0;
  try {
    for (;;) {
      const { done, value } = await orAbort(source.next(), signal);
      if (!done) seen += value.byteLength;
      if (seen > sizeBytes || (done && seen < sizeBytes)) throw wrongSize(key, seen, sizeBytes);
      if (done) return;
      yield value;
    }
  } finally {
    const closed = Promise.resolve(source.return?.());
    await orAbort(closed, signal).catch(() => {});
  }
}

function wrongSize(key: string, seen: number, sizeBytes: number): CodedError {
  const has = seen > sizeBytes ? 'more than' : `${seen} of`;
  return new CodedError(
    'invalid_argument',
    `Cannot put ${key}: its body has ${has} the promised ${sizeBytes} bytes`,
  );
}
