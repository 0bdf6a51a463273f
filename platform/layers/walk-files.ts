import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeImage, type ReadRange } from '@lade/erofs';
import { BLOCK_BYTES } from './chunk.ts';
import { LAYER_FILES } from './layer-files.ts';

/**
 * Names between two pauses, in which others are answered. So few that hardly a file is alive when V8 collects young garbage: of
 * a hundred that mostly are it concludes that all files live long, and puts them and their paths where they stay for minutes.
 */
const NAMES_AT_ONCE = 40;
/** Inodes of a directory lie side by side: one read of the disk has many. */
const WINDOW_BYTES = 64 * 1024;
const ASCII = /^[\0-\x7f]*$/;

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
  let names = 0;
  for (const { path, sizeBytes, blobBlock } of decodeImage(metadata).walk()) {
    if (sizeBytes > 0) files.push({ path: textOf(path), offset: blobBlock * BLOCK_BYTES, sizeBytes });
    if (++names % NAMES_AT_ONCE !== 0) continue;
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
  let window = Buffer.allocUnsafe(WINDOW_BYTES);
  let [start, end] = [0, 0];
  return (offset, length) => {
    if (offset < start || offset + length > end) {
      if (length > window.byteLength) window = Buffer.allocUnsafe(length);
      [start, end] = [offset, offset + readSync(file, window, 0, window.byteLength, offset)];
    }
    return window.subarray(offset - start, Math.min(offset + length, end) - start);
  };
}

/** Few names are more than ASCII, which needs no other copy. */
function textOf(path: string): string {
  return ASCII.test(path) ? path : Buffer.from(path, 'latin1').toString('utf8');
}
