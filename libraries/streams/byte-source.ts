import { CodedError } from '@lade/errors';

/** The one stream type between units: pulled, so backpressure is the consumer's pace. A yielded chunk belongs to the consumer. */
export type ByteSource = AsyncIterable<Uint8Array>;

/**
 * The other way to hand over a stream: puts the next bytes at the start of `buffer` and says how many, 0 at the end. The
 * buffers stay the consumer's, which can use a few of them for gigabytes.
 */
export type PullSource = (buffer: Uint8Array) => Promise<number>;

/** All bytes of `source` as one buffer; throws `resource_exhausted` as soon as there are more than `maxBytes`. */
export async function collectBytes(source: ByteSource, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of limitBytes(source, maxBytes)) {
    chunks.push(chunk);
    length += chunk.byteLength;
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length);
}

/** Passes `source` through until it exceeds `maxBytes`, then throws `resource_exhausted`. */
export async function* limitBytes(source: ByteSource, maxBytes: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of source) {
    length += chunk.byteLength;
    if (length > maxBytes) {
      throw new CodedError(
        'resource_exhausted',
        `Cannot read more than ${maxBytes} bytes: the limit is reached`,
        {
          details: { maxBytes },
        },
      );
    }
    yield chunk;
  }
}

/** A source over bytes that are in memory already. */
export async function* fromBytes(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
