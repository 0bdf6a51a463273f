import { create } from '@bufbuild/protobuf';
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { CodedError } from '@lade/errors';
import type { CallContext, ServiceHandlers } from '@lade/grpc';
import {
  ListSnapshotsResponseSchema,
  MountsResponseSchema,
  PrepareSnapshotResponseSchema,
  StatSnapshotResponseSchema,
  UpdateSnapshotResponseSchema,
  UsageResponseSchema,
  ViewSnapshotResponseSchema,
  type Snapshots,
} from '@lade/protocol/snapshots';
import type { Snapshotter } from '@lade/snapshots';
import { batches } from '../batches.ts';
import { toWireInfo, toWireMounts } from './translate.ts';

/** containerd.services.snapshots.v1.Snapshots over the domain's Snapshotter. */
export function snapshotHandlers(snapshotter: Snapshotter): ServiceHandlers<typeof Snapshots> {
  return {
    async prepare({ key, parent, labels }, { signal }) {
      const mounts = await snapshotter.prepare(key, parent, labels, { signal });
      return create(PrepareSnapshotResponseSchema, { mounts: toWireMounts(mounts) });
    },
    async view({ key, parent, labels }, { signal }) {
      const mounts = await snapshotter.view(key, parent, labels, { signal });
      return create(ViewSnapshotResponseSchema, { mounts: toWireMounts(mounts) });
    },
    async mounts({ key }, { signal }) {
      return create(MountsResponseSchema, {
        mounts: toWireMounts(await snapshotter.mounts(key, { signal })),
      });
    },
    async commit({ name, key, labels, parent }) {
      snapshotter.commit(name, key, { labels, parent });
      return create(EmptySchema);
    },
    async remove({ key }) {
      snapshotter.remove(key);
      return create(EmptySchema);
    },
    async stat({ key }) {
      return create(StatSnapshotResponseSchema, { info: toWireInfo(snapshotter.stat(key)) });
    },
    async update({ info, updateMask }) {
      const changed = snapshotter.update(required(info, 'info'), updateMask?.paths ?? []);
      return create(UpdateSnapshotResponseSchema, { info: toWireInfo(changed) });
    },
    async *list({ filters }) {
      for (const batch of batches(snapshotter.walk(filters)))
        yield create(ListSnapshotsResponseSchema, { info: batch.map(toWireInfo) });
    },
    async usage({ key }, { signal }) {
      const { sizeBytes, inodes } = await snapshotter.usage(key, { signal });
      return create(UsageResponseSchema, { size: BigInt(sizeBytes), inodes: BigInt(inodes) });
    },
    async cleanup(_request, { signal }: CallContext) {
      await snapshotter.cleanup({ signal });
      return create(EmptySchema);
    },
  };
}

function required<T>(value: T | undefined, field: string): T {
  if (value !== undefined) return value;
  throw new CodedError('invalid_argument', `Cannot update snapshot: the request has no ${field}`);
}
