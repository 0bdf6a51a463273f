import { create } from '@bufbuild/protobuf';
import { TimestampSchema, type Timestamp } from '@bufbuild/protobuf/wkt';
import { InfoSchema, Kind, type Info as WireInfo } from '@lade/protocol/snapshots';
import { MountSchema, type Mount as WireMount } from '@lade/protocol';
import type { Info, Kind as SnapshotKind, Mount } from '@lade/snapshots';

const KINDS = {
  view: Kind.VIEW,
  active: Kind.ACTIVE,
  committed: Kind.COMMITTED,
} as const satisfies Record<SnapshotKind, Kind>;

const SECOND_NS = 1_000_000_000n;

export function toWireInfo(info: Info): WireInfo {
  return create(InfoSchema, {
    name: info.name,
    parent: info.parent,
    kind: KINDS[info.kind],
    createdAt: toTimestamp(info.createdAt),
    updatedAt: toTimestamp(info.updatedAt),
    labels: { ...info.labels },
  });
}

export function toWireMounts(mounts: readonly Mount[]): WireMount[] {
  return mounts.map(({ type, source, target, options }) =>
    create(MountSchema, { type, source, target, options: [...options] }),
  );
}

export function fromWireMounts(mounts: readonly WireMount[]): Mount[] {
  return mounts.map(({ type, source, target, options }) => ({ type, source, target, options }));
}

export function fromTimestamp({ seconds, nanos }: Timestamp): bigint {
  return seconds * SECOND_NS + BigInt(nanos);
}

function toTimestamp(ns: bigint): Timestamp {
  return create(TimestampSchema, { seconds: ns / SECOND_NS, nanos: Number(ns % SECOND_NS) });
}
