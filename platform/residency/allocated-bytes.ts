import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What the files in a folder occupy on disk. */
export async function allocatedBytes(folder: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).blocks),
  );
  return sizes.reduce((sum, blocks) => sum + blocks * 512, 0);
}
