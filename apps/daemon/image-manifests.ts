import {
  isIndexType,
  isManifestType,
  parseImageConfig,
  parseImageIndex,
  parseManifest,
  type Descriptor,
  type ImageConfig,
  type Digest,
  type Platform,
} from '@lade/oci';
import type { ContainerdNode } from './containerd-node.ts';

export interface ImageManifest {
  readonly platform: Platform;
  /** As the registry has them, bottom first. */
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly Digest[];
  readonly config: ImageConfig;
}

/** Each manifest of an image that this node has, with its config. */
export async function readManifests(
  target: Descriptor,
  node: Pick<ContainerdNode, 'readDocument'>,
  scope: { readonly namespace: string; readonly signal: AbortSignal },
): Promise<ImageManifest[]> {
  const index = isIndexType(target.mediaType) ? await node.readDocument(target.digest, scope) : undefined;
  const candidates = index ? parseImageIndex(index, target.digest).manifests : [target];
  const manifests: ImageManifest[] = [];
  for (const { digest, platform } of candidates.filter(({ mediaType }) => isManifestType(mediaType))) {
    const bytes = await node.readDocument(digest, scope);
    const manifest = bytes && parseManifest(bytes, digest);
    const document = manifest && (await node.readDocument(manifest.config.digest, scope));
    if (!document) continue;
    const config = parseImageConfig(document, manifest.config.digest);
    const { os, architecture, rootfs } = config;
    manifests.push({
      platform: platform ?? { os, architecture },
      layers: manifest.layers,
      diffIds: rootfs.diff_ids,
      config,
    });
  }
  return manifests;
}
