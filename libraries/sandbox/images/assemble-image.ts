import { link, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadPackages, resolveClosure, type Package } from '@lade/debian';
import {
  MEDIA_TYPES,
  digestOf,
  parseImageConfig,
  parseImageIndex,
  parseManifest,
  type Descriptor,
  type Digest,
} from '@lade/oci';
import type { ByteSource } from '@lade/streams';
import { blobPath, writeDocument, writeLayer, type Compression, type WrittenLayer } from './layer-writer.ts';
import { packFolder, removeMergedLinks, stagePackages } from './staging.ts';

/** One layer: the packages with all their dependencies that no layer below has, then what `fill` adds; or a tar. */
export type LayerRecipe =
  | {
      readonly packages?: readonly string[];
      /** Adds files to the layer's root folder. */
      readonly fill?: (folder: string) => Promise<void>;
    }
  | { readonly tar: () => ByteSource };

export interface ImageRecipe {
  /** As "python:latest". */
  readonly name: string;
  readonly layers: readonly LayerRecipe[];
  readonly compression?: Compression;
  /** The `config` of an OCI image config: Env, Cmd, User and so on. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface AssembleOptions {
  readonly recipe: ImageRecipe;
  /** The OCI layout folder to make; its parent must exist and be on the file system of `from`. */
  readonly layout: string;
  /** Layout of an image made here, whose layers come first. */
  readonly from?: string | undefined;
  readonly cacheFolder: string;
  readonly signal?: AbortSignal | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

const SUITE = 'bookworm';
const CREATED = '2026-01-01T00:00:00Z';

/** Builds a real image from Debian packages, without running any of their scripts. Needs root, for owners and modes. */
export async function assembleImage(options: AssembleOptions): Promise<void> {
  const { recipe, layout, from } = options;
  await mkdir(layout);
  const below = from === undefined ? { layers: [], packages: [] } : await adopt(from, layout);
  const layers: WrittenLayer[] = [...below.layers];
  const roots: string[] = [];
  let present: readonly Package[] = below.packages;
  for (const layer of recipe.layers) {
    const packages = 'tar' in layer ? [] : (layer.packages ?? []);
    roots.push(...packages);
    const closure = packages.length > 0 ? await closureOf([...roots, ...names(below.packages)], options) : [];
    const added = closure.filter(({ name }) => !names(present).includes(name));
    present = [...present, ...added];
    layers.push(await assembleLayer(layer, added, layers.length === 0, options));
  }
  await writeFile(join(layout, PACKAGES_FILE), JSON.stringify(present));
  await writeManifest(recipe, layout, layers);
}

/** Beside the files of the layout: what its layers hold. */
const PACKAGES_FILE = 'packages.json';

function names(packages: readonly Package[]): string[] {
  return packages.map(({ name }) => name);
}

async function closureOf(roots: readonly string[], options: AssembleOptions): Promise<Package[]> {
  return await resolveClosure({ ...options, suite: SUITE, packages: roots.map((name) => ({ name })) });
}

async function assembleLayer(
  layer: LayerRecipe,
  packages: readonly Package[],
  isBase: boolean,
  options: AssembleOptions,
): Promise<WrittenLayer> {
  const { recipe, layout, signal } = options;
  const compression = recipe.compression ?? 'gzip';
  if ('tar' in layer) return await writeLayer(layout, layer.tar(), compression);
  const staging = await mkdtemp(join(layout, 'staging-'));
  try {
    if (packages.length > 0) {
      const found = await downloadPackages({ ...options, suite: SUITE, packages });
      await stagePackages(
        staging,
        found.map(({ file }) => file),
        signal,
      );
      if (!isBase) await removeMergedLinks(staging);
    }
    await layer.fill?.(staging);
    return await writeLayer(layout, packFolder(staging, signal), compression);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Takes over the layers of another layout, as links to the same files. */
async function adopt(from: string, layout: string): Promise<{ layers: WrittenLayer[]; packages: Package[] }> {
  const [image] = parseImageIndex(await readFile(join(from, 'index.json')), digestOf('')).manifests;
  if (image === undefined) throw new RangeError(`${from} has no image`);
  const manifest = parseManifest(await readFile(blobPath(from, image.digest)), image.digest);
  const config = await readFile(blobPath(from, manifest.config.digest));
  const diffIds = parseImageConfig(config, manifest.config.digest).rootfs.diff_ids;
  await mkdir(join(layout, 'blobs', 'sha256'), { recursive: true });
  for (const { digest } of manifest.layers) await link(blobPath(from, digest), blobPath(layout, digest));
  const packages = JSON.parse(await readFile(join(from, PACKAGES_FILE), 'utf8')) as Package[];
  const layers = manifest.layers.map((descriptor, i) => ({ descriptor, diffId: diffIds[i] as Digest }));
  return { layers, packages };
}

async function writeManifest(
  recipe: ImageRecipe,
  layout: string,
  layers: readonly WrittenLayer[],
): Promise<void> {
  const platform = { architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' };
  const config = await writeDocument(layout, MEDIA_TYPES.config, {
    created: CREATED,
    ...platform,
    config: recipe.config ?? {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created: CREATED, created_by: recipe.name })),
  });
  const manifest = await writeDocument(layout, MEDIA_TYPES.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  const annotations = { 'org.opencontainers.image.ref.name': recipe.name };
  const manifests: Descriptor[] = [{ ...manifest, platform, annotations }];
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests };
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
}
