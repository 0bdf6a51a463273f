import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What the files in a folder, but for one, occupy on disk. */
export async function allocatedBytes(folder: string, except?: string): Promise<number> {
  const names = (await readdir(folder)).filter((name) => name !== except);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).blocks));
  return sizes.reduce((sum, blocks) => sum + blocks * 512, 0);
}
