import { CodedError } from '@lade/errors';
import type { ByteSource } from '@lade/streams';
import type { PutOptions } from './bucket.ts';

/** The size that a body promises to have. TypeError for a stream without one. */
export function promisedSize(body: Uint8Array | ByteSource, { sizeBytes }: PutOptions): number {
  const promised = sizeBytes ?? (body instanceof Uint8Array ? body.byteLength : undefined);
  if (promised === undefined) throw new TypeError('a streamed body needs sizeBytes');
  return promised;
}

/** Passes a body through and throws `invalid_argument` as soon as it is known not to have `sizeBytes` bytes. */
export async function* exactly(
  body: Uint8Array | ByteSource,
  sizeBytes: number,
  key: string,
): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    seen += chunk.byteLength;
    if (seen > sizeBytes) break;
    yield chunk;
  }
  if (seen === sizeBytes) return;
  const than = seen > sizeBytes ? 'more than' : `${seen} of`;
  throw new CodedError(
    'invalid_argument',
    `Cannot put ${key}: its body has ${than} the promised ${sizeBytes} bytes`,
  );
}
