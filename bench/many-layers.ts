import { createCipheriv } from 'node:crypto';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chainIds,
  digestOf,
  hexOf,
  parseImageConfig,
  parseImageIndex,
  parseManifest,
  type Digest,
} from '@lade/oci';
import { assembleImage, startOrigin, startS3StandIn, type LayerRecipe } from '@lade/sandbox';
import { fromBytes, type ByteSource } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding } from '@lade/tar';
import type { BenchContext } from './benchmark.ts';
import { bucketUrl } from './published-image.ts';
import { startNode } from './start-node.ts';

const IMAGES = 10;
const LAYERS_EACH = 20;
const FILES_EACH = 100;
const FILE_BYTES = 10_000;

export const LAYERS = IMAGES * LAYERS_EACH;

export interface PublishedLayers extends AsyncDisposable {
  readonly bucketUrl: string;
  readonly images: readonly { readonly reference: string; readonly topChainId: Digest }[];
}

/** Images of 200 layers together, no two alike, in a bucket; each layer has 100 files of noise, a megabyte. */
export async function publishLayers(context: BenchContext): Promise<PublishedLayers> {
  const { cacheFolder, signal, say } = context;
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-layers-')));
  const names = Array.from({ length: IMAGES }, (_, i) => `layers-${i}`);
  const layouts = names.map((name) => join(folder.path, name));
  for (const [i, name] of names.entries()) {
    const layers = Array.from({ length: LAYERS_EACH }, (_, n) => noiseLayer(i * LAYERS_EACH + n));
    const recipe = { name: `${name}:latest`, layers, compression: 'none' } as const;
    await assembleImage({ recipe, layout: layouts[i] ?? '', cacheFolder, signal });
  }
  await using origin = await startOrigin(layouts);
  const store = stack.use(await startS3StandIn(join(folder.path, 'store')));
  const url = bucketUrl(store.address);
  await using node = await startNode({ ...context, flags: [] }, url);
  const references = names.map((name) => `${origin.address}/${name}:latest`);
  for (const reference of references) {
    await node.containerd.pull(reference, { snapshotter: 'lade' });
    say(`  ${reference} is converted`);
  }
  await node.uploaded();
  for (const reference of references) await node.publishes(reference);
  const images = await Promise.all(
    references.map(async (reference, i) => ({ reference, topChainId: await readTop(layouts[i] ?? '') })),
  );
  const owned = stack.move();
  return { bucketUrl: url, images, [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}

function noiseLayer(seed: number): LayerRecipe {
  return { tar: () => noiseTar(seed) };
}

function noiseTar(seed: number): ByteSource {
  const key = Buffer.alloc(16);
  key.writeUInt32LE(seed);
  const noise = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  const files = Array.from({ length: FILES_EACH }, (_, i) => [
    encodeTarEntry({ path: `layer-${seed}/file-${i}`, kind: 'file', sizeBytes: FILE_BYTES }),
    noise.update(Buffer.alloc(FILE_BYTES)),
    tarPadding(FILE_BYTES),
  ]);
  return fromBytes(...files.flat(), TAR_END);
}

/** The chain id of all layers of a layout's one image. */
async function readTop(layout: string): Promise<Digest> {
  const blob = async (digest: Digest): Promise<Buffer> =>
    readFile(join(layout, 'blobs/sha256', hexOf(digest)));
  const index = parseImageIndex(await readFile(join(layout, 'index.json')), digestOf(''));
  const [image] = index.manifests;
  if (!image) throw new RangeError(`${layout} has no image`);
  const { config } = parseManifest(await blob(image.digest), image.digest);
  const { diff_ids: diffIds } = parseImageConfig(await blob(config.digest), config.digest).rootfs;
  return chainIds(diffIds).at(-1) ?? image.digest;
}
