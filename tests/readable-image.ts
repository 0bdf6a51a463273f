import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assembleImage } from '@lade/sandbox';
import { noise } from './noise.ts';
import { CACHE } from './programs.ts';

/**
 * The files below /data, in the order of their layer: what is read ahead of the first file is not the second, and something is left
 * of it.
 */
export const READABLE = {
  first: 3_000_000,
  gap: 24_000_000,
  rest: 24_000_000,
  second: 2_000_000,
} as const;

/** Busybox, and two files apart: the layout of readable:latest. */
export async function buildReadable(folder: string): Promise<string> {
  const layout = join(folder, 'readable');
  const data = {
    async fill(root: string) {
      await mkdir(join(root, 'data'));
      for (const [name, size] of Object.entries(READABLE))
        await writeFile(join(root, 'data', name), noise(name, size));
    },
  };
  const config = { Env: ['PATH=/bin'] };
  const recipe = { name: 'readable:latest', layers: [{ packages: ['busybox-static'] }, data], config };
  await assembleImage({ recipe, layout, cacheFolder: CACHE });
  return layout;
}
