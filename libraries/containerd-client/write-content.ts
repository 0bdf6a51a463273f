import type { MessageInitShape } from '@bufbuild/protobuf';
import { isCodedError } from '@lade/errors';
import type { Descriptor } from '@lade/oci';
import { Content, WriteAction, type WriteContentRequestSchema } from '@lade/protocol/content';
import type { ByteSource } from '@lade/streams';
import type { Connection } from './connection.ts';
import type { PutOptions } from './content-client.ts';

type WriteRequest = MessageInitShape<typeof WriteContentRequestSchema>;

/** A message: small enough to leave room below the limit of 16 MiB on either side, large enough to cost little. */
const MAX_MESSAGE_BYTES = 1 << 20;

/**
 * Writes one ingest to its end and commits it. Throws `already_exists` when containerd has the content; an ingest whose
 * bytes turn out wrong is dropped, so that the next try starts afresh.
 */
export async function writeContent(
  connection: Connection,
  descriptor: Descriptor,
  bytes: ByteSource,
  { ref = `lade-${descriptor.digest}`, labels = {}, ...options }: PutOptions,
): Promise<void> {
  const known = await ingestOffset(connection, ref, options);
  const offset = known <= descriptor.size ? known : 0;
  const ingest = { ref, total: BigInt(descriptor.size), expected: descriptor.digest };
  const requests = async function* (): AsyncGenerator<WriteRequest> {
    yield { ...ingest, action: WriteAction.STAT };
    const end = yield* writeRequests(ref, bytes, offset);
    yield { ...ingest, action: WriteAction.COMMIT, offset: BigInt(end), labels: { ...labels } };
  };
  try {
    for await (const { action } of connection.converse(Content.method.write, requests(), options))
      if (action === WriteAction.COMMIT) return;
  } catch (reason) {
    if (isCodedError(reason, 'failed_precondition'))
      await connection.call(Content.method.abort, { ref }, options);
    throw reason;
  }
}

/** Skips what the ingest has; returns the offset that it ends at. */
async function* writeRequests(
  ref: string,
  bytes: ByteSource,
  offset: number,
): AsyncGenerator<WriteRequest, number> {
  let position = 0;
  for await (const chunk of bytes) {
    const fresh = chunk.subarray(Math.max(0, offset - position));
    position += chunk.byteLength - fresh.byteLength;
    for (let start = 0; start < fresh.byteLength; start += MAX_MESSAGE_BYTES) {
      const data = fresh.subarray(start, start + MAX_MESSAGE_BYTES);
      yield { action: WriteAction.WRITE, ref, offset: BigInt(position), data };
      position += data.byteLength;
    }
  }
  return position;
}

async function ingestOffset(
  connection: Connection,
  ref: string,
  options: { readonly signal?: AbortSignal },
): Promise<number> {
  try {
    const { status } = await connection.call(Content.method.status, { ref }, options);
    return Number(status?.offset ?? 0n);
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return 0;
    throw reason;
  }
}
