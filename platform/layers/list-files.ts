import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeImage, type DirectoryInode } from '@lade/erofs';
import { collectBytes } from '@lade/streams';
import { BLOCK_BYTES } from './chunk.ts';
import type { LayerIndex } from './index-object.ts';
import { readMetadata } from './metadata-image.ts';

/** Inodes between two pauses, in which readers of other layers are answered. */
const INODES_AT_ONCE = 2_000;

/** A regular file with data. */
export interface LayerFile {
  /** From the layer's root, without a slash before it. */
  readonly path: string;
  /** In the blob. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** The files of a layer that have data, in the order of the blob; a file with several names by the first that is met. */
export async function listFiles(index: LayerIndex): Promise<LayerFile[]> {
  const image = decodeImage(await collectBytes(readMetadata(index), index.header.metadataBytes));
  const files = new Map<number, LayerFile>();
  let inodes = 0;
  for (const { path, entries } of directories(image.root)) {
    for (const [name, inode] of entries) {
      if (++inodes % INODES_AT_ONCE === 0) await nextTurn();
      if (inode.kind !== 'file' || inode.sizeBytes === 0) continue;
      const { blobBlock, sizeBytes } = inode;
      if (!files.has(blobBlock))
        files.set(blobBlock, { path: path + textOf(name), offset: blobBlock * BLOCK_BYTES, sizeBytes });
    }
  }
  return [...files.values()].sort((a, b) => a.offset - b.offset);
}

/** A directory's entries, read once, before those of the directories in it. */
function* directories(
  root: DirectoryInode,
  path = '',
): Generator<{ readonly path: string; readonly entries: DirectoryInode['entries'] }> {
  const { entries } = root;
  yield { path, entries };
  for (const [name, inode] of entries)
    if (inode.kind === 'directory') yield* directories(inode, `${path}${textOf(name)}/`);
}

function textOf(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}
