import type { ImageSummary } from '@lade/control-protocol';
import { formatPlatform, type BucketImages, type ImageRecord } from '@lade/images';
import type { Logger } from '@lade/log';
import { chainIds, isDigest, type Digest } from '@lade/oci';
import type { LocalLayers } from '@lade/residency';
import type { StartTable } from '@lade/starts';
import type { ContainerdNode, NodeImage, Scope } from './containerd-node.ts';
import { readManifests, type ImageManifest } from './image-manifests.ts';
import { summariseStart } from './summarise-start.ts';

interface ImageParts {
  readonly images: BucketImages;
  readonly node: ContainerdNode;
  readonly layers: LocalLayers;
  readonly starts: StartTable;
  readonly log: Logger;
}

/**
 * The images that the bucket or one namespace of this node's containerd knows, by name. A containerd that is not there knows none; what
 * the bucket is said to know may be `maxAgeMs` old.
 */
export async function summariseImages(
  { images: ofBucket, node, layers, starts, log }: ImageParts,
  { maxAgeMs, ...scope }: Scope & { readonly maxAgeMs: number },
): Promise<ImageSummary[]> {
  const { signal } = scope;
  const [records, images] = await Promise.all([
    ofBucket.list({ maxAgeMs, signal }),
    node.imagesOf(scope).catch((error: unknown) => {
      signal.throwIfAborted();
      log.debug('images of containerd not listed', { error });
      return [];
    }),
  ]);
  const here = (diffId: Digest): boolean => layers.has(diffId);
  const published = new Set(records.map(({ name, target }) => `${name}@${target.digest}`));
  const pulled = new Set(images.map(({ name, target }) => `${name}@${target.digest}`));
  const summaries = records.flatMap((record) =>
    ofRecord(record, { inContainerd: pulled.has(`${record.name}@${record.target.digest}`), here }),
  );
  for (const image of images) {
    // Kubernetes has each image once more under the digest of its config.
    if (published.has(`${image.name}@${image.target.digest}`) || isDigest(image.name)) continue;
    const manifests = await readManifests(image.target, node, scope);
    summaries.push(...manifests.map((manifest) => ofContainerd(image, manifest, here)));
  }
  return summaries
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map((summary) => ({ ...summary, ...startsOf(summary, starts) }));
}

function startsOf({ layers }: ImageSummary, starts: StartTable): Pick<ImageSummary, 'starts'> {
  const chainId = layers.at(-1)?.chainId;
  const known = chainId === undefined ? [] : starts.ofChain(chainId);
  return known.length === 0 ? {} : { starts: known.map(summariseStart) };
}

function ofRecord(
  { name, target, manifests, publishedAt }: ImageRecord,
  { inContainerd, here }: { readonly inContainerd: boolean; readonly here: (diffId: Digest) => boolean },
): ImageSummary[] {
  return manifests.map((manifest) => ({
    name,
    digest: target.digest,
    inBucket: true,
    inContainerd,
    ...ofManifest(manifest, here),
    publishedAt,
  }));
}

function ofContainerd(
  { name, target }: NodeImage,
  manifest: ImageManifest,
  here: (diffId: Digest) => boolean,
): ImageSummary {
  return { name, digest: target.digest, inBucket: false, inContainerd: true, ...ofManifest(manifest, here) };
}

function ofManifest(
  { platform, diffIds, layers }: Omit<ImageManifest, 'config'>,
  here: (diffId: Digest) => boolean,
): Pick<ImageSummary, 'platform' | 'layers'> {
  const chains = chainIds(diffIds);
  return {
    platform: formatPlatform(platform),
    layers: diffIds.map((diffId, i) => ({
      diffId,
      chainId: chains[i] ?? diffId,
      sizeBytes: layers[i]?.size ?? 0,
      here: here(diffId),
    })),
  };
}
