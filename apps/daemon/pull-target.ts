import type { ContainerdCalls, Mount } from '@lade/containerd-client';
import { CodedError, isCodedError } from '@lade/errors';
import type { NodeImages, NodeLayers, PreparedLayer } from '@lade/images';
import type { Digest } from '@lade/oci';
import { SNAPSHOT_REF } from '@lade/snapshots';
import { collectBytes, fromBytes } from '@lade/streams';

/** A namespace of containerd that images are pulled to. */
export type PullTarget = Omit<NodeImages, 'expectLayers'> & NodeLayers;

const LEASE_MS = 24 * 3_600_000;
const MAX_DOCUMENT_BYTES = 8 << 20;

/** Everything is made under the lease that was taken last. */
export function createPullTarget(
  calls: ContainerdCalls,
  snapshotter: string,
  signal: AbortSignal,
): PullTarget {
  let leased = calls;
  const prepareLayer: NodeLayers['prepareLayer'] = async (chain, parent) =>
    prepare(leased, snapshotter, { chain, parent, signal });
  return {
    async lease() {
      const { id } = await calls.leases.create({ expiresInMs: LEASE_MS, signal });
      leased = calls.underLease(id);
      return { [Symbol.asyncDispose]: async () => calls.leases.delete(id) };
    },
    prepareLayer,
    async layerPresent(chain, parent) {
      await using prepared = await prepareLayer(chain, parent);
      return prepared === undefined;
    },
    async readContent(digest) {
      try {
        return await collectBytes(calls.content.read(digest, { signal }), MAX_DOCUMENT_BYTES);
      } catch (reason) {
        if (isCodedError(reason, 'not_found')) return undefined;
        throw reason;
      }
    },
    storeLayer: async (blob, bytesFrom, options) => leased.content.put(blob, bytesFrom, options),
    async putContent(descriptor, bytes, labels) {
      await leased.content.put(descriptor, fromBytes(bytes), { labels, signal });
    },
    async putImage(name, target, labels) {
      try {
        await leased.images.create({ name, target, labels }, { signal });
      } catch (reason) {
        if (!isCodedError(reason, 'already_exists')) throw reason;
        await leased.images.update({ name, target, labels }, { signal });
      }
    },
  };
}

interface Place {
  readonly chain: Digest;
  readonly parent: string | undefined;
  readonly signal: AbortSignal;
}

/** containerd's side of the remote-snapshot handshake: a Prepare for a chain that is answered "exists" where the layer is. */
async function prepare(
  calls: ContainerdCalls,
  snapshotter: string,
  { chain, parent = '', signal }: Place,
): Promise<PreparedLayer | undefined> {
  const snapshots = calls.snapshots(snapshotter);
  const key = `extract-${process.hrtime.bigint()}-lade ${chain}`;
  const labels = { [SNAPSHOT_REF]: chain };
  let mounts: Mount[];
  try {
    mounts = await snapshots.prepare(key, { parent, labels, signal });
  } catch (reason) {
    if (isCodedError(reason, 'already_exists')) return undefined;
    throw reason;
  }
  let isCommitted = false;
  return {
    async unpack(blob, diffId) {
      const { digest } = await calls.diff.apply(blob, mounts, { signal });
      if (digest !== diffId)
        throw new CodedError(
          'data_loss',
          `Cannot use layer ${blob.digest}: it unpacks to ${digest}, not ${diffId}`,
        );
      try {
        await snapshots.commit(chain, key, { labels, signal });
        isCommitted = true;
      } catch (reason) {
        // Another pull was faster.
        if (!isCodedError(reason, 'already_exists')) throw reason;
      }
    },
    async [Symbol.asyncDispose]() {
      // What cannot be removed now, garbage collection finds when the lease has expired.
      if (!isCommitted) await snapshots.remove(key).catch(() => {});
    },
  };
}
