import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerdCalls } from '@lade/containerd-client';
import {
  chainIds,
  digestOf,
  hexOf,
  parseImageConfig,
  parseImageIndex,
  parseManifest,
  type Descriptor,
  type Digest,
} from '@lade/oci';
import { buildImage, type ImageName } from '@lade/sandbox';
import type { BenchContext } from './benchmark.ts';

interface StoredLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly chainId: Digest;
}

/** The layers of an image whose content a containerd has, bottom first. */
export interface StoredImage {
  readonly layers: readonly StoredLayer[];
  readonly compressedBytes: number;
}

/** Garbage collection leaves alone what has this label. */
export const KEPT = { 'containerd.io/gc.root': '2026-01-01T00:00:00Z' } as const;

/** Puts the layers of an image into a containerd's content store, there to stay. Nothing is unpacked. */
export async function storeImage(
  calls: ContainerdCalls,
  name: ImageName,
  { cacheFolder, signal, say }: BenchContext,
): Promise<StoredImage> {
  const { layout } = await buildImage(name, { cacheFolder, signal, log: say });
  const layers = await readLayers(layout);
  for (const { descriptor } of layers) {
    const source = createReadStream(blobPath(layout, descriptor.digest), { highWaterMark: 1 << 20 });
    await calls.content.put(descriptor, source, { labels: KEPT, signal });
  }
  return { layers, compressedBytes: layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0) };
}

async function readLayers(layout: string): Promise<StoredLayer[]> {
  const index = parseImageIndex(await readFile(join(layout, 'index.json')), digestOf(''));
  const [image] = index.manifests;
  if (!image) throw new RangeError(`${layout} has no image`);
  const { config, layers } = parseManifest(await readFile(blobPath(layout, image.digest)), image.digest);
  const document = await readFile(blobPath(layout, config.digest));
  const { diff_ids: diffIds } = parseImageConfig(document, config.digest).rootfs;
  const chain = chainIds(diffIds);
  return layers.map((descriptor, i) => ({
    descriptor,
    diffId: diffIds[i] as Digest,
    chainId: chain[i] as Digest,
  }));
}

function blobPath(layout: string, digest: Digest): string {
  return join(layout, 'blobs/sha256', hexOf(digest));
}
