import { CodedError } from '@lade/errors';
import { Digester, type Descriptor } from '@lade/oci';
import { isLostConnection, unreachable } from './failures.ts';
import { MAX_ATTEMPTS, pause, waitMs } from './patience.ts';
import type { RepositoryRequests } from './repository-requests.ts';

export interface BlobRequest {
  readonly blob: Descriptor;
  /** Where to begin. */
  readonly offset: number;
  readonly attempted: string;
  readonly signal?: AbortSignal;
}

/**
 * The bytes of a blob, from `offset` to its end. A connection that breaks is replaced, and the rest asked for; it may break as often as
 * it likes as long as bytes come. Throws `data_loss` when the bytes are others, of which the digest is known only at the end,
 * and only to who began at 0.
 */
export async function* readBlob(
  requests: RepositoryRequests,
  request: BlobRequest,
): AsyncGenerator<Uint8Array> {
  const { blob, offset, attempted, signal } = request;
  const digester = offset === 0 ? new Digester() : undefined;
  let position = offset;
  for (let attempt = 1; position < blob.size; attempt++) {
    try {
      for await (const chunk of readRest(requests, request, position)) {
        digester?.update(chunk);
        position += chunk.byteLength;
        if (position > blob.size) throw damaged(attempted, `it has more than ${blob.size} bytes`);
        attempt = 0;
        yield chunk;
      }
    } catch (reason) {
      signal?.throwIfAborted();
      if (!isLostConnection(reason)) throw reason;
      if (attempt === MAX_ATTEMPTS) throw unreachable(reason, attempted);
    }
    if (attempt === MAX_ATTEMPTS) throw damaged(attempted, `it ends after ${position} of ${blob.size} bytes`);
    if (position < blob.size) await pause(waitMs(attempt + 1), signal);
  }
  const actual = digester?.finish();
  if (actual !== undefined && actual !== blob.digest)
    throw damaged(attempted, `its digest is ${actual}, not ${blob.digest}`);
}

/** One connection's worth, from `position` on; registries need not know ranges. */
async function* readRest(
  requests: RepositoryRequests,
  { blob, attempted, signal }: BlobRequest,
  position: number,
): AsyncGenerator<Uint8Array> {
  const response = await requests.send({
    method: 'GET',
    path: `blobs/${blob.digest}`,
    headers: position === 0 ? {} : { range: `bytes=${position}-` },
    attempted,
    ...(signal ? { signal } : {}),
  });
  let skipped = response.statusCode === 206 ? firstByteOf(response.headers['content-range']) : 0;
  if (skipped > position) throw damaged(attempted, `its bytes from ${position} on come from ${skipped} on`);
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    const fresh = chunk.subarray(position - skipped);
    skipped += chunk.byteLength - fresh.byteLength;
    if (fresh.byteLength > 0) yield fresh;
  }
}

function firstByteOf(contentRange: string | undefined): number {
  return Number(/^bytes (\d+)-/.exec(contentRange ?? '')?.[1] ?? 0);
}

function damaged(attempted: string, state: string): CodedError {
  return new CodedError('data_loss', `${attempted}: ${state}`, {
    cure: 'Try again; where it stays so, have the image pushed once more',
  });
}
