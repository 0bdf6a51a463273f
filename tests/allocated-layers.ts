import { readdir } from 'node:fs/promises';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What the files of each layer below `root` occupy on disk, by diff id. */
export async function sizesOfLayers(root: string): Promise<Map<string, number>> {
  const names = await readdir(join(root, 'layers'));
  return new Map(names.map((name) => [`sha256:${name}`, sizeOf(join(root, 'layers', name))]));
}

export interface AllocatedSamples extends Disposable {
  /** The most that all layers together occupied at a time. */
  most(): number;
  count(): number;
}

/** Looks at the layers below `root` again and again, until disposed. */
export function sampleAllocated(root: string): AllocatedSamples {
  const folder = join(root, 'layers');
  let [most, count] = [0, 0];
  const timer = setInterval(() => {
    const bytes = namesIn(folder).reduce((sum, name) => sum + sizeOf(join(folder, name)), 0);
    most = Math.max(most, bytes);
    count++;
  }, 20);
  return {
    most: () => most,
    count: () => count,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw reason;
  }
}

/** Of a folder's files; what goes meanwhile counts nothing. */
function sizeOf(folder: string): number {
  try {
    return namesIn(folder).reduce((sum, name) => sum + statSync(join(folder, name)).blocks * 512, 0);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw reason;
  }
}
