import { create } from '@bufbuild/protobuf';
import type { Compression } from '@lade/compression';
import { CodedError } from '@lade/errors';
import type { ServiceHandlers } from '@lade/grpc';
import { MEDIA_TYPES, isLayerType, parseDigest, type Digest } from '@lade/oci';
import { DescriptorSchema } from '@lade/protocol';
import { ApplyResponseSchema, DiffResponseSchema, type Diff } from '@lade/protocol/diff';
import type { SnapshotChanges, Snapshotter } from '@lade/snapshots';
import type { CallTraces } from '../call-traces.ts';
import { fromWireMounts } from '../snapshots/translate.ts';
import { fromTimestamp } from '../timestamp.ts';

interface Call {
  readonly namespace: string;
  readonly signal: AbortSignal;
}

/** A layer that is converted and cannot go away before it is attached to its snapshot. */
export interface UnpackedLayer extends Disposable {
  readonly diffId: Digest;
  readonly tarBytes: number;
}

/** Converts the layer that a descriptor names. */
export interface LayerUnpacker {
  unpack(
    layer: { readonly digest: Digest; readonly sizeBytes: number },
    options: Call,
  ): Promise<UnpackedLayer>;
}

export interface LayerRequest {
  readonly compression: Compression;
  /** Names the ingest; undefined when any name will do. */
  readonly ref: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Modification times after this, in nanoseconds since 1970, are stated as this. */
  readonly modifiedUntilNs: bigint | undefined;
}

/** Makes a layer of a snapshot's changes, in containerd's content store. */
export interface LayerMaker {
  make(
    changes: SnapshotChanges,
    request: LayerRequest,
    options: Call,
  ): Promise<{ readonly digest: Digest; readonly sizeBytes: number }>;
}

interface DiffPorts {
  readonly unpacker: LayerUnpacker;
  readonly maker: LayerMaker;
  readonly traces: Pick<CallTraces, 'joinSnapshot'>;
}

/**
 * containerd.services.diff.v1.Diff. Apply converts the layer instead of unpacking it into the mounts, and has nothing to do where they show it
 * already, as to clients that do not know what it means that a new snapshot is read-only; Diff reads the changes
 * where overlayfs keeps them, instead of comparing two trees. Mounts that are not ours, or not of a snapshot and its parent, and
 * media types that are no tar are `unimplemented`, so that containerd asks its next differ.
 */
export function diffHandlers(
  snapshotter: Snapshotter,
  { unpacker, maker, traces }: DiffPorts,
): ServiceHandlers<typeof Diff> {
  return {
    async apply({ diff, mounts }, { namespace, signal }) {
      if (!diff)
        throw new CodedError('invalid_argument', 'Cannot apply a layer: the request has no descriptor');
      const target = snapshotter.snapshotAt(fromWireMounts(mounts));
      const staged = target ? undefined : snapshotter.changesBetween([], fromWireMounts(mounts));
      const key = target?.key ?? (staged?.layer && staged.keys[0]);
      if (key === undefined) throw unimplemented('the mounts belong to another snapshotter');
      traces.joinSnapshot(key);
      if (!isLayerType(diff.mediaType)) throw unimplemented(`${diff.mediaType} is no layer tar`);
      const layer = { digest: parseDigest(diff.digest), sizeBytes: Number(diff.size) };
      using unpacked = await unpacker.unpack(layer, {
        namespace: namespace || namespaceOf(key),
        signal,
      });
      if (target) snapshotter.attachLayer(key, unpacked.diffId);
      else if (staged?.layer !== unpacked.diffId) throw anotherLayer(unpacked.diffId, staged?.layer);
      return create(ApplyResponseSchema, {
        applied: create(DescriptorSchema, {
          mediaType: MEDIA_TYPES.layer,
          digest: unpacked.diffId,
          size: BigInt(unpacked.tarBytes),
        }),
      });
    },
    async diff({ left, right, ref, labels, ...request }, { namespace, signal }) {
      const mediaType = request.mediaType || MEDIA_TYPES.layerGzip;
      const compression = PACKED.get(mediaType);
      if (!compression) throw unimplemented(`${mediaType} is no layer that can be made`);
      const changes = snapshotter.changesBetween(fromWireMounts(left), fromWireMounts(right));
      if (!changes) throw unimplemented('the mounts are not those of one of our snapshots and of its parent');
      const epoch = request.sourceDateEpoch;
      const { digest, sizeBytes } = await maker.make(
        changes,
        {
          compression,
          ref: ref || undefined,
          labels,
          modifiedUntilNs: epoch && fromTimestamp(epoch),
        },
        { namespace: namespace || soleNamespaceOf(changes.keys), signal },
      );
      return create(DiffResponseSchema, {
        diff: create(DescriptorSchema, { mediaType, digest, size: BigInt(sizeBytes) }),
      });
    },
  };
}

const PACKED: ReadonlyMap<string, Compression> = new Map([
  [MEDIA_TYPES.layer, 'none'],
  [MEDIA_TYPES.layerGzip, 'gzip'],
  [MEDIA_TYPES.layerZstd, 'zstd'],
  [MEDIA_TYPES.dockerLayerGzip, 'gzip'],
]);

function anotherLayer(diffId: Digest, staged: Digest | undefined): CodedError {
  return new CodedError('failed_precondition', `Cannot apply layer ${diffId}: the mounts show ${staged}`);
}

/** containerd 1.7 calls differs without a namespace, but puts it in front of every snapshot key: `<namespace>/<n>/<key>`. */
function namespaceOf(key: string): string {
  return key.slice(0, Math.max(0, key.indexOf('/')));
}

function soleNamespaceOf(keys: readonly string[]): string {
  const [namespace = '', ...others] = new Set(keys.map(namespaceOf));
  if (others.length === 0) return namespace;
  throw unimplemented('several namespaces have this layer, and the call names none');
}

function unimplemented(why: string): CodedError {
  return new CodedError('unimplemented', `Cannot serve this diff: ${why}`, {
    cure: 'Keep "walking" behind "lade-diff" in the diff service’s default list',
  });
}
