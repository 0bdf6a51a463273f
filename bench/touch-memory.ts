import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

const PIECE_BYTES = 4 << 20;

/**
 * Uses and frees this much memory of the page cache. A virtual machine may have given free memory back to its host, and
 * getting it again costs ten times what writing to it does: whoever is measured first would pay for the others.
 */
export async function touchMemory(sizeBytes: number, folder: string): Promise<void> {
  const path = join(folder, 'touch-memory');
  try {
    await using file = await open(path, 'w');
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) await file.write(piece, 0, PIECE_BYTES, at);
  } finally {
    await rm(path, { force: true });
  }
}
