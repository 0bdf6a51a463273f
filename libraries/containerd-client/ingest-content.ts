import { CodedError, isCodedError } from '@lade/errors';
import { Digester, type Digest } from '@lade/oci';
import { WriteAction } from '@lade/protocol/content';
import type { ByteSource } from '@lade/streams';
import type { Connection, RequestOptions } from './connection.ts';
import type { Labels } from './translate.ts';
import { writeIngest, writeRequests, type WriteRequest } from './write-content.ts';

export interface IngestOptions extends RequestOptions {
  /** Names the ingest; what an earlier one has left there is dropped. */
  readonly ref: string;
  /** Asked for when the bytes have ended. */
  readonly labels?: () => Labels;
}

export interface Ingested {
  readonly digest: Digest;
  readonly size: number;
}

/**
 * Writes content of which nothing is known before its end; `isNew` is false where containerd had it, and has left its labels
 * alone. Throws `unavailable` while another one writes under the same ref.
 */
export async function ingestContent(
  connection: Connection,
  bytes: ByteSource,
  { ref, labels, ...options }: IngestOptions,
): Promise<Ingested & { readonly isNew: boolean }> {
  const digester = new Digester();
  let found: Ingested | undefined;
  const rest = async function* (): AsyncGenerator<WriteRequest> {
    const size = yield* writeRequests(ref, digesting(bytes, digester), 0);
    found = { digest: digester.finish(), size };
    const end = BigInt(size);
    // With a digest to expect, containerd would not put under the caller's lease what it has already.
    yield { ref, action: WriteAction.COMMIT, total: end, offset: end, labels: { ...labels?.() } };
  };
  try {
    const committed = await writeIngest(connection, { ref }, rest, options);
    if (!found || committed.digest !== found.digest)
      throw new CodedError(
        'data_loss',
        `Cannot write content ${found?.digest}: it arrived as ${committed.digest}`,
      );
    return { ...found, isNew: true };
  } catch (reason) {
    if (found && isCodedError(reason, 'already_exists')) return { ...found, isNew: false };
    throw reason;
  }
}

async function* digesting(bytes: ByteSource, digester: Digester): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    digester.update(chunk);
    yield chunk;
  }
}
