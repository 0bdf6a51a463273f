import { ingestOf, type ContainerdCalls, type Mount } from '@lade/containerd-client';
import { ingestName, snapshotName } from '@lade/containerd-services';
import { CodedError, isCodedError } from '@lade/errors';
import type { NodeImages, NodeLayers, PreparedLayer } from '@lade/images';
import type { Digest } from '@lade/oci';
import { SNAPSHOT_REF } from '@lade/snapshots';
import { collectBytes, fromBytes } from '@lade/streams';
import { currentTrace, type KnownTraces } from '@lade/tracing';

/** A namespace of containerd that images are pulled to. */
export type PullTarget = Omit<NodeImages, 'expectLayers'> & NodeLayers;

interface TargetOptions {
  readonly namespace: string;
  readonly snapshotter: string;
  readonly traces: KnownTraces;
  readonly signal: AbortSignal;
}

const LEASE_MS = 24 * 3_600_000;
const MAX_DOCUMENT_BYTES = 8 << 20;

/** Everything is made under the lease that was taken last. */
export function createPullTarget(calls: ContainerdCalls, options: TargetOptions): PullTarget {
  const { signal } = options;
  let leased = calls;
  const prepareLayer: NodeLayers['prepareLayer'] = async (chain, parent) =>
    prepare(leased, { chain, parent }, options);
  const put: ContainerdCalls['content']['put'] = async (descriptor, bytes, given) =>
    inOwnTrace(descriptor.digest, options, async () => leased.content.put(descriptor, bytes, given));
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
    storeLayer: put,
    async putContent(descriptor, bytes, labels) {
      await put(descriptor, fromBytes(bytes), { labels, signal });
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

/** containerd's calls back to us do not say which of ours they come from. */
function remember(name: string, { traces }: TargetOptions): void {
  const trace = currentTrace();
  if (trace) traces.remember(name, trace);
}

async function inOwnTrace(digest: Digest, options: TargetOptions, write: () => Promise<void>): Promise<void> {
  const name = ingestName(`${options.namespace}/${ingestOf(digest)}`);
  remember(name, options);
  await write().finally(() => options.traces.forget(name));
}

interface Place {
  readonly chain: Digest;
  readonly parent: string | undefined;
}

/** containerd's side of the remote-snapshot handshake: a Prepare for a chain that is answered "exists" where the layer is. */
async function prepare(
  calls: ContainerdCalls,
  { chain, parent = '' }: Place,
  options: TargetOptions,
): Promise<PreparedLayer | undefined> {
  const { signal } = options;
  const snapshots = calls.snapshots(options.snapshotter);
  const key = `extract-${process.hrtime.bigint()}-lade ${chain}`;
  remember(snapshotName(`${options.namespace}/${key}`), options);
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
