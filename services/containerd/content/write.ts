import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  parseContentDigest,
  type ContentDigest,
  type ContentStore,
  type IngestWriter,
  type Ingests,
} from '@lade/content';
import { CodedError, isCodedError } from '@lade/errors';
import { WriteAction, WriteContentResponseSchema, type WriteContentRequest } from '@lade/protocol/content';
import { toTimestamp } from '../timestamp.ts';

type Response = MessageInitShape<typeof WriteContentResponseSchema>;

/** What the messages of one stream have announced so far. */
interface Announced {
  total: number;
  expected: ContentDigest | undefined;
}

/**
 * One Write stream: an ingest that is opened by the first message and answered message by message, up to a commit or the end of
 * the stream, which leaves it for the next one.
 */
export async function* writeContent(
  requests: AsyncIterable<WriteContentRequest>,
  store: ContentStore,
  ingests: Ingests,
): AsyncGenerator<Response> {
  let stream: { readonly writer: IngestWriter; readonly announced: Announced } | undefined;
  try {
    for await (const request of requests) {
      stream ??= await open(request, ingests);
      const { writer, announced } = stream;
      await announce(request, stream, store, ingests);
      const response = await answer(request, writer, announced);
      yield response;
      if (request.action === WriteAction.COMMIT) return;
    }
    if (!stream) throw new CodedError('invalid_argument', 'Cannot write content: the stream has no message');
  } finally {
    await stream?.writer[Symbol.asyncDispose]();
  }
}

async function open(
  { ref, total, expected }: WriteContentRequest,
  ingests: Ingests,
): Promise<{ writer: IngestWriter; announced: Announced }> {
  const announced = { total: Number(total), expected: parseExpected(expected) };
  return { writer: await ingests.open({ ref, ...announced }), announced };
}

/** Content that appeared while it was being written ends the ingest. */
async function announce(
  { total, expected }: WriteContentRequest,
  { writer, announced }: { readonly writer: IngestWriter; readonly announced: Announced },
  store: ContentStore,
  ingests: Ingests,
): Promise<void> {
  if (total > 0n) announced.total = Number(total);
  const digest = parseExpected(expected);
  if (!digest) return;
  announced.expected = digest;
  if (!isKnown(store, digest)) return;
  const { ref } = writer.status;
  await writer[Symbol.asyncDispose]();
  ingests.abort(ref);
  throw new CodedError('already_exists', `Cannot write content ${digest}: it already exists`);
}

async function answer(
  { action, offset, data, labels }: WriteContentRequest,
  writer: IngestWriter,
  { total, expected }: Announced,
): Promise<Response> {
  if (action === WriteAction.STAT) {
    const { startedAt, updatedAt, offset: at } = writer.status;
    const times = { startedAt: toTimestamp(startedAt), updatedAt: toTimestamp(updatedAt) };
    return response({ action, offset: BigInt(at), total: BigInt(total), digest: writer.digest(), ...times });
  }
  if (action !== WriteAction.WRITE && action !== WriteAction.COMMIT)
    return response({ action, offset: BigInt(writer.status.offset) });
  await seek(writer, Number(offset));
  if (data.byteLength > 0) await writer.write(data);
  const { offset: written } = writer.status;
  if (action !== WriteAction.COMMIT)
    return response({ action, offset: BigInt(written), digest: writer.digest() });
  const digest = await writer.commit({ sizeBytes: total, expected, labels });
  return response({ action, offset: BigInt(written), digest });
}

/** An ingest is written at its end, or from 0 on once more; containerd takes a negative offset for its end. */
async function seek(writer: IngestWriter, offset: number): Promise<void> {
  const { offset: current, ref } = writer.status;
  if (offset === current || offset < 0) return;
  if (offset !== 0)
    throw new CodedError('out_of_range', `Cannot write ingest ${ref} at ${offset}: it stands at ${current}`);
  await writer.truncate();
}

function parseExpected(text: string): ContentDigest | undefined {
  return text === '' ? undefined : parseContentDigest(text);
}

function isKnown(store: ContentStore, digest: ContentDigest): boolean {
  try {
    store.info(digest);
    return true;
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return false;
    throw reason;
  }
}

function response(fields: Response): Response {
  return create(WriteContentResponseSchema, fields);
}
