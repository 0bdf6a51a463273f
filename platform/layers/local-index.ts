import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeIndexHead, type LayerIndex } from './index-object.ts';
import { LAYER_FILES } from './layer-files.ts';

/** The index head of the layer in `folder`. Throws `data_loss` when the file is damaged. */
export async function readLocalIndex(folder: string): Promise<LayerIndex> {
  const path = join(folder, LAYER_FILES.index);
  return decodeIndexHead(await readFile(path), path);
}

/** Replaces the index head of the layer in `folder`, whole or not at all. */
export async function writeLocalIndex(folder: string, head: Uint8Array): Promise<LayerIndex> {
  const path = join(folder, LAYER_FILES.index);
  const index = decodeIndexHead(head, path);
  await writeFile(`${path}.new`, head, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  return index;
}
