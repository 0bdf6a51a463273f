import { CodedError } from '@lade/errors';
import {
  chainIds,
  isIndexType,
  isLayerType,
  isManifestType,
  parseImageConfig,
  parseImageIndex,
  parseManifest,
  type Descriptor,
  type Digest,
  type ImageIndex,
  type Platform,
} from '@lade/oci';
import { collectBytes, type ByteSource } from '@lade/streams';
import { MAX_CONTENT_BYTES, checkContent } from './content-objects.ts';
import { contentsOf, type Content } from './image-contents.ts';
import type { NodeLayers } from './node-images.ts';
import { bestMatch, formatPlatform } from './platform.ts';

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** Where one image is in a registry. Errors name image and registry. */
export interface RegistryImage {
  /** What its tag or digest points at now: an index or a manifest. */
  resolve(options: WaitOptions): Promise<Descriptor>;
  /** The bytes of a manifest or index, their digest checked. */
  manifest(descriptor: Descriptor, options: WaitOptions): Promise<Uint8Array>;
  /** The bytes of a blob, whose digest is checked at the end when they are read from 0 on. */
  blob(descriptor: Descriptor, options: WaitOptions & { readonly offset?: number }): ByteSource;
}

/** An image of a registry for one platform, but for its layers' bytes. */
export interface ImageContents {
  readonly contents: readonly Content[];
  /** As the registry has them, bottom first. */
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly Digest[];
  readonly chainIds: readonly Digest[];
}

interface ReadOptions extends WaitOptions {
  readonly name: string;
  readonly node: Pick<NodeLayers, 'readContent'>;
  readonly image: RegistryImage;
  readonly platform: Platform;
  readonly snapshotter: string;
}

/**
 * Reads index, manifest and config, from this node where it has them. Throws `not_found` for a platform that the image is not made
 * for, `unimplemented` for what is no image that can be unpacked, `data_loss` for contradictions.
 */
export async function readRegistryImage(target: Descriptor, options: ReadOptions): Promise<ImageContents> {
  const { name, snapshotter } = options;
  const indexBytes = isIndexType(target.mediaType) ? await readManifest(target, options) : undefined;
  const descriptor = indexBytes ? choose(parseImageIndex(indexBytes, target.digest), options) : target;
  const bytes = await readManifest(descriptor, options);
  const { config, layers } = parseManifest(bytes, descriptor.digest);
  for (const layer of layers) refuseForeign(layer, name);
  const configBytes = await readConfig(config, options);
  const diffIds = parseImageConfig(configBytes, config.digest).rootfs.diff_ids;
  if (diffIds.length !== layers.length) {
    const state = `its config has ${diffIds.length} layers, its manifest ${layers.length}`;
    throw new CodedError('data_loss', `Cannot use image ${name}: ${state}`);
  }
  const chains = chainIds(diffIds);
  const contents = contentsOf(
    {
      config: { descriptor: config, bytes: configBytes },
      manifest: { descriptor, bytes },
      index: indexBytes && { descriptor: target, bytes: indexBytes },
    },
    { descriptors: layers, topChainId: chains.at(-1) },
    snapshotter,
  );
  return { contents, layers, diffIds, chainIds: chains };
}

async function readManifest(
  descriptor: Descriptor,
  { node, image, ...options }: ReadOptions,
): Promise<Uint8Array> {
  const here = await node.readContent(descriptor.digest);
  return here ?? image.manifest(descriptor, waiting(options));
}

async function readConfig(
  config: Descriptor,
  { name, node, image, ...options }: ReadOptions,
): Promise<Uint8Array> {
  const here = await node.readContent(config.digest);
  const bytes = here ?? (await collectBytes(image.blob(config, waiting(options)), MAX_CONTENT_BYTES));
  return checkContent(bytes, config, `config ${config.digest} of ${name}`);
}

function choose({ manifests }: ImageIndex, { name, platform }: ReadOptions): Descriptor {
  const offered = manifests.filter(({ mediaType }) => isManifestType(mediaType));
  const best = bestMatch(offered, platform);
  if (best) return best;
  const platforms = offered.flatMap((it) => (it.platform?.os === 'unknown' ? [] : (it.platform ?? [])));
  const state = `it is made for ${platforms.map(formatPlatform).join(', ') || 'no platform'}`;
  throw new CodedError('not_found', `Cannot use image ${name} on ${formatPlatform(platform)}: ${state}`, {
    cure: 'Choose a tag that is made for this platform',
  });
}

/** Their bytes are elsewhere, and often not for everybody. */
function refuseForeign({ mediaType, digest }: Descriptor, name: string): void {
  if (isLayerType(mediaType) && !/nondistributable|foreign/.test(mediaType)) return;
  throw new CodedError('unimplemented', `Cannot use image ${name}: layer ${digest} is ${mediaType}`, {
    cure: 'Use an image whose layers are tars, plain or packed with gzip or zstd, and in its registry',
  });
}

function waiting({ signal }: WaitOptions): WaitOptions {
  return signal ? { signal } : {};
}
