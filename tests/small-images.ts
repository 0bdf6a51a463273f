import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assembleImage, type BuiltImage, type ImageRecipe } from '@lade/sandbox';
import { CACHE } from './programs.ts';

/** What /answer says in {@link buildSpeaker}'s image. */
export const ANSWER = 'from the bucket\n';

const NOISE_BYTES = 3 << 20;

const BUSYBOX = { packages: ['busybox-static'] };

/** An image of two layers, /bin/busybox and /answer. */
export async function buildSpeaker(folder: string): Promise<BuiltImage> {
  const answer = { fill: async (root: string) => writeFile(join(root, 'answer'), ANSWER) };
  return assemble(folder, { name: 'speaker:latest', layers: [BUSYBOX, answer] });
}

/** An image that waits; its one layer is the first of the speaker's. */
export async function buildPause(folder: string): Promise<BuiltImage> {
  const config = { Entrypoint: ['/bin/busybox', 'sleep', '1000000'] };
  return assemble(folder, { name: 'pause:latest', layers: [BUSYBOX], config });
}

/** An image of so many layers that no other image has, each of some megabytes. */
export async function buildNoise(folder: string, name: string, layers: number): Promise<BuiltImage> {
  const noise = { fill: async (root: string) => writeFile(join(root, name), randomBytes(NOISE_BYTES)) };
  return assemble(folder, { name: `${name}:latest`, layers: Array.from({ length: layers }, () => noise) });
}

/** A command that says {@link ANSWER}. ctr may lose what a program says that ends at once. */
export const SPEAK = [
  '/bin/busybox',
  'sh',
  '-c',
  '/bin/busybox cat /answer; /bin/busybox sleep 0.5',
] as const;

async function assemble(folder: string, recipe: ImageRecipe): Promise<BuiltImage> {
  const layout = join(folder, recipe.name.replace(':', '-'));
  await assembleImage({ recipe, layout, cacheFolder: CACHE });
  return { layout, name: recipe.name };
}
