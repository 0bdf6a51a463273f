import { createCipheriv } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { assembleImage, type LayerRecipe } from '@lade/sandbox';
import { fromBytes } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding } from '@lade/tar';
import { CACHE } from './programs.ts';

export const SHARED_LAYERS = 3;
export const OWN_LAYERS = 2;

const FILES = 20;
const FILE_BYTES = 50_000;

export interface RelatedImage {
  /** As "image-0:latest". */
  readonly name: string;
  readonly layout: string;
}

/**
 * Images on one base of three layers, with two of their own each: busybox at the bottom, noise above it, of which every layer
 * has half in common with all others.
 */
export async function assembleRelated(folder: string, count: number): Promise<RelatedImage[]> {
  await mkdir(folder);
  const assemble = async (
    name: string,
    layers: readonly LayerRecipe[],
    from?: string,
  ): Promise<RelatedImage> => {
    const layout = join(folder, name);
    const recipe = { name: `${name}:latest`, layers, config: { Env: ['PATH=/usr/bin:/bin'] } };
    await assembleImage({ recipe, layout, from, cacheFolder: CACHE });
    return { name: recipe.name, layout };
  };
  const base = await assemble('base', [{ packages: ['busybox-static'] }, noiseLayer(1), noiseLayer(2)]);
  return Promise.all(
    Array.from({ length: count }, async (_, n) =>
      assemble(`image-${n}`, [noiseLayer(100 + 2 * n), noiseLayer(101 + 2 * n)], base.layout),
    ),
  );
}

function noiseLayer(seed: number): LayerRecipe {
  const files = Array.from({ length: FILES }, (_, i) => {
    const key = Buffer.alloc(16);
    key.writeUInt32LE((i % 2 === 0 ? seed : 0) * 1000 + i);
    const noise = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(FILE_BYTES));
    const path = `layer-${seed}/file-${i}`;
    return [encodeTarEntry({ path, kind: 'file', sizeBytes: FILE_BYTES }), noise, tarPadding(FILE_BYTES)];
  });
  return { tar: () => fromBytes(...files.flat(), TAR_END) };
}
