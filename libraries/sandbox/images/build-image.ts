import { createHash } from 'node:crypto';
import { access, mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { holdLock } from '@lade/debian';
import { assembleImage } from './assemble-image.ts';
import { FOUNDATIONS, RECIPES, type ImageName } from './recipes.ts';

export interface BuildOptions {
  /** Holds finished images, and the packages that they are made of; created when missing. */
  readonly cacheFolder: string;
  readonly signal?: AbortSignal | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

export interface BuiltImage {
  /** An OCI layout folder with this one image; not to be changed. */
  readonly layout: string;
  /** Its name and tag in that layout, as "python:latest". */
  readonly name: string;
}

/** An image by name, from the cache or built into it: complete or not at all, and anew when a recipe changed. */
export async function buildImage(name: ImageName, options: BuildOptions): Promise<BuiltImage> {
  const { cacheFolder, signal, log } = options;
  const recipe = RECIPES[name];
  const images = join(cacheFolder, 'images');
  const layout = join(images, `${name}-${await recipesHash()}`);
  if (await exists(layout)) return { layout, name: recipe.name };
  const from = FOUNDATIONS.includes(name) ? undefined : (await buildImage('base', options)).layout;
  await mkdir(images, { recursive: true });
  await using stack = new AsyncDisposableStack();
  stack.use(await holdLock(join(images, `${name}.lock`), { signal }));
  if (await exists(layout)) return { layout, name: recipe.name };
  log?.(`Building image ${recipe.name}`);
  const temporary = `${layout}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  await assembleImage({ ...options, recipe, from, layout: temporary });
  await rename(temporary, layout);
  return { layout, name: recipe.name };
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** Of everything in this folder, since all of it decides on the bytes of an image. */
async function recipesHash(): Promise<string> {
  const hash = createHash('sha256');
  const files = (await readdir(import.meta.dirname)).filter((name) => !name.endsWith('.test.ts')).sort();
  for (const file of files) hash.update(await readFile(join(import.meta.dirname, file)));
  return hash.digest('hex').slice(0, 12);
}
