import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import { imageKey, readImageRecord, type ImageRecord } from '@lade/images';
import { parseReference } from '@lade/oci';
import type { ContainerdNode, NodeImage } from './containerd-node.ts';
import { readManifests } from './image-manifests.ts';
import type { Platform } from './open-platform.ts';

/** The name as it stands, then the full one that it means: "python:3.13" is docker.io/library/python:3.13. */
export function namesOf(text: string): ReadonlySet<string> {
  return new Set([text, parseReference(text).name]);
}

/** The name under which the bucket has an image; undefined where it has none. */
export async function nameInBucket(
  text: string,
  bucket: Bucket,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const name of namesOf(text)) {
    try {
      await bucket.head(imageKey(name), { signal });
      return name;
    } catch (reason) {
      if (!isCodedError(reason, 'not_found')) throw reason;
    }
  }
  return undefined;
}

export interface StoredImagePlaces {
  readonly bucket: Bucket;
  readonly node: Pick<ContainerdNode, 'images' | 'readDocument'>;
  readonly layers: Pick<Platform['layers'], 'has'>;
  readonly uploads: Pick<Platform['uploads'], 'isWaiting'>;
  readonly signal: AbortSignal;
}

/** As readImageRecord(), by any of its names. Throws `failed_precondition` for one that is on its way to the bucket. */
export async function readStoredImage(text: string, places: StoredImagePlaces): Promise<ImageRecord> {
  const { bucket, signal } = places;
  const name = await nameInBucket(text, bucket, signal);
  if (name === undefined) await refuseUnfinished(text, places);
  return readImageRecord(bucket, name ?? text, { signal });
}

async function refuseUnfinished(text: string, places: StoredImagePlaces): Promise<void> {
  const { bucket, layers, uploads, signal } = places;
  for (const image of await imagesHere(text, places)) {
    const manifests = await readManifests(image.target, places.node, { ...image, signal });
    const ours = manifests.find(({ diffIds }) => diffIds.every((diffId) => layers.has(diffId)));
    if (!ours) continue;
    const { diffIds } = ours;
    const waiting = diffIds.filter((diffId) => uploads.isWaiting(diffId)).length;
    const state =
      waiting === 0
        ? 'its record is about to be put'
        : `${waiting} of its ${diffIds.length} layers are still to be uploaded`;
    throw new CodedError(
      'failed_precondition',
      `Cannot find image ${image.name} in ${bucket.location}: ${state}`,
      {
        cure: 'Wait until it is uploaded; lade status shows what waits, and what keeps it from going on',
      },
    );
  }
}

/** A containerd that is not there has none. */
async function imagesHere(text: string, { node, signal }: StoredImagePlaces): Promise<readonly NodeImage[]> {
  const names = namesOf(text);
  try {
    return (await Array.fromAsync(node.images(signal))).filter(({ name }) => names.has(name));
  } catch {
    signal.throwIfAborted();
    return [];
  }
}
