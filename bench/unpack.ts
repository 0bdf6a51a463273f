import type { ContainerdCalls } from '@lade/containerd-client';
import { CodedError } from '@lade/errors';
import { KEPT, type StoredImage } from './stored-image.ts';

export interface UnpackOptions {
  /** Of snapshots, as "lade". */
  readonly snapshotter: string;
  readonly signal: AbortSignal;
}

export interface UnpackFigures {
  readonly ms: number;
  readonly tarBytes: number;
}

/**
 * Unpacks an image with the calls that containerd's own unpacker makes for each layer: Prepare, Diff.Apply, Commit. Throws
 * `data_loss` for a diff id that the image does not have. The snapshots stay until removeUnpacked().
 */
export async function unpack(
  calls: ContainerdCalls,
  image: StoredImage,
  { snapshotter, signal }: UnpackOptions,
): Promise<UnpackFigures> {
  const snapshots = calls.snapshots(snapshotter);
  let parent = '';
  let tarBytes = 0;
  const started = performance.now();
  for (const { descriptor, diffId, chainId } of image.layers) {
    const key = `unpack ${chainId}`;
    const mounts = await snapshots.prepare(key, { parent, labels: KEPT, signal });
    const applied = await calls.diff.apply(descriptor, mounts, { signal });
    await snapshots.commit(chainId, key, { labels: KEPT, signal });
    if (applied.digest !== diffId)
      throw new CodedError('data_loss', `Cannot unpack ${descriptor.digest}: it became ${applied.digest}`);
    tarBytes += applied.size;
    parent = chainId;
  }
  return { ms: performance.now() - started, tarBytes };
}

/** Removes the snapshots of an image, and has containerd remove from the disk what they leave. */
export async function removeUnpacked(
  calls: ContainerdCalls,
  image: StoredImage,
  { snapshotter, signal }: UnpackOptions,
): Promise<void> {
  for (const { chainId } of image.layers.toReversed())
    await calls.snapshots(snapshotter).remove(chainId, { signal });
  const { id } = await calls.leases.create({ signal });
  await calls.leases.delete(id, { sync: true, signal });
}
