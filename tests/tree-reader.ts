import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { seededRandom } from './seeded-random.ts';

/*
 * A process that may wait in the kernel: reads trees that are named on its standard input, a line of JSON each, every file
 * from its start to its end in an order of its own, and tells of each file what it saw.
 */
export interface ReadOrder {
  readonly root: string;
  readonly seed: number;
}

/** A file and its SHA-256, or why it could not be read; no path: the tree is done. */
export interface Seen {
  readonly path?: string;
  readonly sha256?: string;
  readonly error?: string;
  readonly bytes?: number;
}

if (import.meta.main)
  for await (const line of createInterface(process.stdin)) readTree(JSON.parse(line) as ReadOrder);

function readTree({ root, seed }: ReadOrder): void {
  const random = seededRandom(seed);
  for (const path of shuffle(listFiles(root), random)) {
    try {
      tell({ path, ...readFile(join(root, path), 1 << (12 + Math.floor(random() * 9))) });
    } catch (reason) {
      tell({ path, error: String(reason) });
    }
  }
  tell({});
}

function listFiles(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries.filter((it) => it.isFile()).map((it) => relative(root, join(it.parentPath, it.name)));
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => [random(), item] as const);
  return keyed.sort(([a], [b]) => a - b).map(([, item]) => item);
}

function readFile(path: string, pieceBytes: number): Seen {
  const fd = openSync(path, 'r');
  try {
    const [hash, piece] = [createHash('sha256'), Buffer.alloc(pieceBytes)];
    let bytes = 0;
    for (let count = -1; count !== 0; bytes += count) {
      count = readSync(fd, piece);
      hash.update(piece.subarray(0, count));
    }
    return { sha256: hash.digest('hex'), bytes };
  } finally {
    closeSync(fd);
  }
}

function tell(seen: Seen): void {
  writeSync(1, `${JSON.stringify(seen)}\n`);
}
