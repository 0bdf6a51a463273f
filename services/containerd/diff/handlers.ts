import { create } from '@bufbuild/protobuf';
import { CodedError } from '@lade/errors';
import type { ServiceHandlers } from '@lade/grpc';
import { MEDIA_TYPES, isLayerType, parseDigest, type Digest } from '@lade/oci';
import { DescriptorSchema } from '@lade/protocol';
import { ApplyResponseSchema, type Diff } from '@lade/protocol/diff';
import type { Snapshotter } from '@lade/snapshots';
import { fromWireMounts } from '../snapshots/translate.ts';

/** A layer that is converted and cannot go away before it is attached to its snapshot. */
export interface UnpackedLayer extends Disposable {
  readonly diffId: Digest;
  readonly tarBytes: number;
}

/** Converts the layer that a descriptor names. */
export interface LayerUnpacker {
  unpack(
    layer: { readonly digest: Digest; readonly sizeBytes: number },
    options: { readonly namespace: string; readonly signal: AbortSignal },
  ): Promise<UnpackedLayer>;
}

/**
 * containerd.services.diff.v1.Diff. Apply converts the layer instead of unpacking it into the mounts; mounts that are not
 * ours, and media types that are no tar, are `unimplemented`, so that containerd asks its next differ.
 */
export function diffHandlers(
  snapshotter: Snapshotter,
  unpacker: LayerUnpacker,
): ServiceHandlers<typeof Diff> {
  return {
    async apply({ diff, mounts }, { namespace, signal }) {
      if (!diff)
        throw new CodedError('invalid_argument', 'Cannot apply a layer: the request has no descriptor');
      const target = snapshotter.snapshotAt(fromWireMounts(mounts));
      if (!target) throw unimplemented('the mounts belong to another snapshotter');
      if (!isLayerType(diff.mediaType)) throw unimplemented(`${diff.mediaType} is no layer tar`);
      const layer = { digest: parseDigest(diff.digest), sizeBytes: Number(diff.size) };
      using unpacked = await unpacker.unpack(layer, {
        namespace: namespace || namespaceOf(target.key),
        signal,
      });
      snapshotter.attachLayer(target.key, unpacked.diffId);
      return create(ApplyResponseSchema, {
        applied: create(DescriptorSchema, {
          mediaType: MEDIA_TYPES.layer,
          digest: unpacked.diffId,
          size: BigInt(unpacked.tarBytes),
        }),
      });
    },
    async diff() {
      throw unimplemented('layers are made from snapshots by the walking differ');
    },
  };
}

/** containerd 1.7 calls differs without a namespace, but puts it in front of every snapshot key: `<namespace>/<n>/<key>`. */
function namespaceOf(key: string): string {
  return key.slice(0, Math.max(0, key.indexOf('/')));
}

function unimplemented(why: string): CodedError {
  return new CodedError('unimplemented', `Cannot serve this diff: ${why}`, {
    cure: 'Keep "walking" behind "lade-diff" in the diff service’s default list',
  });
}
