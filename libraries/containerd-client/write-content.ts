import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { CodedError, isCodedError } from '@lade/errors';
import type { Descriptor, Digest } from '@lade/oci';
import {
  Content,
  WriteAction,
  type WriteContentRequestSchema,
  type WriteContentResponse,
} from '@lade/protocol/content';
import type { ByteSource } from '@lade/streams';
import type { Connection, RequestOptions } from './connection.ts';
import type { ByteSourceFrom, PutOptions } from './content-client.ts';

export type WriteRequest = MessageInitShape<typeof WriteContentRequestSchema>;

/**
 * What follows the opening of an ingest that has `known` bytes. `arrived` resolves when it has as many as asked for, with
 * containerd's digest of them.
 */
export type WriteRest = (
  known: number,
  arrived: (offset: number) => Promise<string>,
) => AsyncIterable<WriteRequest>;

/** The ref of an ingest that is given no other. */
export function ingestOf(digest: Digest): string {
  return `lade-${digest}`;
}

/** A message: small enough to leave room below the limit of 16 MiB on either side, large enough to cost little. */
const MAX_MESSAGE_BYTES = 1 << 20;

/** Waits between tries to open an ingest that somebody else has open: 50 ms, doubled up to a second, about ten in all. */
const LOCK_WAITS_MS = Array.from({ length: 14 }, (_, i) => Math.min(50 * 2 ** i, 1000));

/**
 * Writes one ingest to its end and commits it. Throws `already_exists` when containerd has the content, before it reads from
 * `bytes`. An ingest whose bytes turn out wrong is dropped, so that the next try starts afresh.
 */
export async function writeContent(
  connection: Connection,
  descriptor: Descriptor,
  bytes: ByteSource | ByteSourceFrom,
  { ref = ingestOf(descriptor.digest), labels = {}, ...options }: PutOptions,
): Promise<void> {
  const ingest = { ref, total: BigInt(descriptor.size), expected: descriptor.digest };
  const rest = async function* (known: number): AsyncGenerator<WriteRequest> {
    const start = known <= descriptor.size ? known : 0;
    const end =
      typeof bytes === 'function'
        ? yield* writeRequests(ref, bytes(start), { known: start, position: start })
        : yield* writeRequests(ref, bytes, { known: start });
    yield { ...ingest, action: WriteAction.COMMIT, offset: BigInt(end), labels: { ...labels } };
  };
  try {
    await writeIngest(connection, ingest, rest, options);
  } catch (reason) {
    if (isCodedError(reason, 'failed_precondition'))
      await connection.call(Content.method.abort, { ref }, options);
    throw reason;
  }
}

/**
 * Opens the ingest, then writes what `rest` gives. Throws `unavailable` when another one keeps it open, before it reads from
 * `rest`.
 */
export async function writeIngest(
  connection: Connection,
  ingest: WriteRequest & { readonly ref: string },
  rest: WriteRest,
  options: RequestOptions,
): Promise<void> {
  for (const waitMs of LOCK_WAITS_MS) {
    if (await attempt(connection, ingest, rest, options)) return;
    await sleep(waitMs, undefined, options.signal ? { signal: options.signal } : {});
  }
  throw new CodedError('unavailable', `Cannot write content: ingest ${ingest.ref} is locked`, {
    cure: 'Wait until the other writer is done, or choose another ref',
  });
}

/** False while another one has the ingest open. */
async function attempt(
  connection: Connection,
  ingest: WriteRequest & { readonly ref: string },
  rest: WriteRest,
  options: RequestOptions,
): Promise<boolean> {
  const opened = Promise.withResolvers<number>();
  const written = new Answers();
  const requests = async function* (): AsyncGenerator<WriteRequest> {
    yield { ...ingest, action: WriteAction.STAT };
    yield* rest(await opened.promise, async (offset) => written.digestAt(offset));
  };
  try {
    for await (const answer of connection.converse(Content.method.write, requests(), options)) {
      if (answer.action === WriteAction.COMMIT) break;
      if (answer.action === WriteAction.STAT) opened.resolve(Number(answer.offset));
      else written.add(answer);
    }
    return true;
  } catch (reason) {
    // The code is also that of a containerd which is gone.
    if (isCodedError(reason, 'unavailable') && reason.message.includes(`${ingest.ref} locked`)) return false;
    throw reason;
  }
}

/** To writes: each tells how many bytes have arrived, and their digest. */
class Answers {
  #last: WriteContentResponse | undefined;
  #next = Promise.withResolvers<void>();

  add(answer: WriteContentResponse): void {
    this.#last = answer;
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  async digestAt(offset: number): Promise<string> {
    while (!this.#last || this.#last.offset < offset) await this.#next.promise;
    return this.#last.digest;
  }
}

/** Skips what the ingest has of `bytes`, which begin at `position`; returns the offset that they end at. */
export async function* writeRequests(
  ref: string,
  bytes: ByteSource,
  { known = 0, position = 0 }: { readonly known?: number; readonly position?: number } = {},
): AsyncGenerator<WriteRequest, number> {
  for await (const chunk of bytes) {
    const fresh = chunk.subarray(Math.max(0, known - position));
    position += chunk.byteLength - fresh.byteLength;
    for (let start = 0; start < fresh.byteLength; start += MAX_MESSAGE_BYTES) {
      const data = fresh.subarray(start, start + MAX_MESSAGE_BYTES);
      yield { action: WriteAction.WRITE, ref, offset: BigInt(position), data };
      position += data.byteLength;
    }
  }
  return position;
}
