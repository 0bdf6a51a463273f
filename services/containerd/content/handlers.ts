import { create } from '@bufbuild/protobuf';
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { parseContentDigest, readFile, type ContentStore, type Ingests } from '@lade/content';
import { CodedError } from '@lade/errors';
import type { ServiceHandlers } from '@lade/grpc';
import {
  InfoResponseSchema,
  ListContentResponseSchema,
  ListStatusesResponseSchema,
  ReadContentResponseSchema,
  StatusResponseSchema,
  UpdateResponseSchema,
  type Content,
} from '@lade/protocol/content';
import { batches } from '../batches.ts';
import { toWireContentInfo, toWireStatus } from './translate.ts';
import { writeContent } from './write.ts';

/** containerd.services.content.v1.Content over this node's content. */
export function contentHandlers(store: ContentStore, ingests: Ingests): ServiceHandlers<typeof Content> {
  return {
    async info({ digest }) {
      return create(InfoResponseSchema, {
        info: toWireContentInfo(store.info(parseContentDigest(digest))),
      });
    },
    async update({ info, updateMask }) {
      if (!info) throw new CodedError('invalid_argument', 'Cannot update content: the request has no info');
      const { digest, labels } = info;
      const updated = store.update(parseContentDigest(digest), labels, updateMask?.paths ?? []);
      return create(UpdateResponseSchema, { info: toWireContentInfo(updated) });
    },
    async *list({ filters }) {
      for (const batch of batches(store.walk(filters)))
        yield create(ListContentResponseSchema, { info: batch.map(toWireContentInfo) });
    },
    async delete({ digest }) {
      store.delete(parseContentDigest(digest));
      return create(EmptySchema);
    },
    async *read({ digest, offset, size }, { signal }) {
      using blob = await store.open(parseContentDigest(digest), { signal });
      const range = clip(Number(offset), Number(size), blob.sizeBytes, digest);
      let sent = 0;
      for await (const data of readFile(blob.file, range.offset, range.length)) {
        yield create(ReadContentResponseSchema, { offset: BigInt(sent), data });
        sent += data.byteLength;
      }
    },
    async status({ ref }) {
      return create(StatusResponseSchema, { status: toWireStatus(ingests.status(ref)) });
    },
    async listStatuses({ filters }) {
      return create(ListStatusesResponseSchema, { statuses: ingests.list(filters).map(toWireStatus) });
    },
    write: (requests) => writeContent(requests, store, ingests),
    async abort({ ref }) {
      ingests.abort(ref);
      return create(EmptySchema);
    },
  };
}

/** As containerd reads the fields of a Read: a negative offset is 0, a size of 0 or too much is the rest. */
function clip(
  offset: number,
  size: number,
  sizeBytes: number,
  digest: string,
): { offset: number; length: number } {
  const start = Math.max(0, offset);
  if (start > sizeBytes)
    throw new CodedError(
      'out_of_range',
      `Cannot read content ${digest} at ${start}: it has ${sizeBytes} bytes`,
    );
  const rest = sizeBytes - start;
  return { offset: start, length: size <= 0 ? rest : Math.min(size, rest) };
}
