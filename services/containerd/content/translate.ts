import { create } from '@bufbuild/protobuf';
import type { ContentInfo, IngestStatus } from '@lade/content';
import { InfoSchema, StatusSchema, type Info, type Status } from '@lade/protocol/content';
import { toTimestamp } from '../timestamp.ts';

export function toWireContentInfo(info: ContentInfo): Info {
  return create(InfoSchema, {
    digest: info.digest,
    size: BigInt(info.sizeBytes),
    createdAt: toTimestamp(info.createdAt),
    updatedAt: toTimestamp(info.updatedAt),
    labels: { ...info.labels },
  });
}

export function toWireStatus(status: IngestStatus): Status {
  return create(StatusSchema, {
    ref: status.ref,
    offset: BigInt(status.offset),
    total: BigInt(status.total),
    startedAt: toTimestamp(status.startedAt),
    updatedAt: toTimestamp(status.updatedAt),
  });
}
