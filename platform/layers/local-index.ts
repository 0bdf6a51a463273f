import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import { decodeIndexHead, type LayerIndex } from './index-object.ts';
import { LAYER_FILES } from './layer-files.ts';

/** The index head of the layer in `folder`. Throws `data_loss` when the file is damaged, or of another layer than `diffId`. */
export async function readLocalIndex(folder: string, diffId?: Digest): Promise<LayerIndex> {
  const path = join(folder, LAYER_FILES.index);
  const index = decodeIndexHead(await readFile(path), path);
  if (diffId === undefined || index.header.diffId === diffId) return index;
  throw new CodedError('data_loss', `Cannot use ${path}: it is of layer ${index.header.diffId}`);
}

/** Replaces the index head of the layer in `folder`, whole or not at all. */
export async function writeLocalIndex(folder: string, head: Uint8Array): Promise<LayerIndex> {
  const path = join(folder, LAYER_FILES.index);
  const index = decodeIndexHead(head, path);
  await writeFile(`${path}.new`, head, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  return index;
}
