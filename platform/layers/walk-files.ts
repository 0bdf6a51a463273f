import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeImage, type ReadRange } from '@lade/erofs';
import { BLOCK_BYTES } from './chunk.ts';
import { LAYER_FILES } from './layer-files.ts';

/** Inodes between two pauses, in which others are answered. */
const INODES_AT_ONCE = 1_000;
/** Inodes of a directory lie side by side: one read of the disk has many. */
const WINDOW_BYTES = 64 * 1024;

/** A regular file with data. */
export interface LayerFile {
  /** From the layer's root, without a slash before it. */
  readonly path: string;
  /** In the blob. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/**
 * The files with data of a metadata image under each of their names, some at a time, in bounded memory. Throws `data_loss` for a damaged image.
 */
export async function* walkFiles(metadata: Uint8Array | ReadRange): AsyncGenerator<readonly LayerFile[]> {
  let files: LayerFile[] = [];
  let inodes = 0;
  for (const [path, inode] of decodeImage(metadata).walk()) {
    if (inode.kind === 'file' && inode.sizeBytes > 0) {
      const { blobBlock, sizeBytes } = inode;
      files.push({ path: textOf(path), offset: blobBlock * BLOCK_BYTES, sizeBytes });
    }
    if (++inodes % INODES_AT_ONCE !== 0) continue;
    await nextTurn();
    if (files.length > 0) yield files;
    files = [];
  }
  if (files.length > 0) yield files;
}

/** Same, of the layer in `folder`. */
export async function* walkLocalFiles(folder: string): AsyncGenerator<readonly LayerFile[]> {
  const file = openSync(join(folder, LAYER_FILES.metadata), 'r');
  try {
    yield* walkFiles(readByWindow(file));
  } finally {
    closeSync(file);
  }
}

function readByWindow(file: number): ReadRange {
  let window = { start: 0, bytes: Buffer.alloc(0) };
  return (offset, length) => {
    const isIn = offset >= window.start && offset + length <= window.start + window.bytes.byteLength;
    if (!isIn) {
      // What was read from the last one may still be looked at.
      const bytes = Buffer.allocUnsafe(Math.max(WINDOW_BYTES, length));
      window = {
        start: offset,
        bytes: bytes.subarray(0, readSync(file, bytes, 0, bytes.byteLength, offset)),
      };
    }
    return window.bytes.subarray(offset - window.start, offset - window.start + length);
  };
}

function textOf(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}
