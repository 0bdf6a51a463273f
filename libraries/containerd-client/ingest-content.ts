import { isCodedError } from '@lade/errors';
import { digestOf, parseDigest, type Digest } from '@lade/oci';
import { WriteAction } from '@lade/protocol/content';
import type { ByteSource } from '@lade/streams';
import type { Connection, RequestOptions } from './connection.ts';
import type { Labels } from './translate.ts';
import { writeIngest, writeRequests, type WriteRest } from './write-content.ts';

export interface IngestOptions extends RequestOptions {
  /** Names the ingest; what an earlier one has left there is dropped. */
  readonly ref: string;
  /** Asked for when the bytes have ended. */
  readonly labels?: () => Promise<Labels>;
}

export interface Ingested {
  readonly digest: Digest;
  readonly size: number;
}

const EMPTY = digestOf('');

/**
 * Writes content of which nothing is known before its end, and whose digest containerd tells; `isNew` is false where containerd had
 * it, and has left its labels alone. Throws `unavailable` while another one writes under the same ref.
 */
export async function ingestContent(
  connection: Connection,
  bytes: ByteSource,
  { ref, labels, ...options }: IngestOptions,
): Promise<Ingested & { readonly isNew: boolean }> {
  let ingested: Ingested | undefined;
  const rest: WriteRest = async function* (_, arrived) {
    const size = yield* writeRequests(ref, bytes);
    const digest = size === 0 ? EMPTY : parseDigest(await arrived(size));
    ingested = { digest, size };
    const end = BigInt(size);
    // With a digest to expect, containerd would not put under the caller's lease what it has already.
    yield { ref, action: WriteAction.COMMIT, total: end, offset: end, labels: { ...(await labels?.()) } };
  };
  try {
    await writeIngest(connection, { ref }, rest, options);
  } catch (reason) {
    if (ingested && isCodedError(reason, 'already_exists')) return { ...ingested, isNew: false };
    throw reason;
  }
  if (!ingested) throw new TypeError('what is committed has a digest');
  return { ...ingested, isNew: true };
}
