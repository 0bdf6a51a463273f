import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathOf, type ContentDigest } from './content-digest.ts';

const ALGORITHMS = ['sha256', 'sha384', 'sha512'] as const;

/**
 * Where the bytes are: `blobs/<algorithm>/<hex>` whole and checked, `ingests/<id>` and `fetches/` on their way, `removed/` on
 * their way out. What moves between them moves by one rename.
 */
export class ContentFolder {
  readonly #root: string;
  #named = 0;

  /** Makes the folders, and empties `fetches/` and `removed/`. */
  static async open(root: string): Promise<ContentFolder> {
    for (const algorithm of ALGORITHMS) mkdirSync(join(root, 'blobs', algorithm), { recursive: true });
    mkdirSync(join(root, 'ingests'), { recursive: true });
    for (const name of ['fetches', 'removed']) {
      await rm(join(root, name), { recursive: true, force: true });
      mkdirSync(join(root, name));
    }
    return new ContentFolder(root);
  }

  private constructor(root: string) {
    this.#root = root;
  }

  blobPath(digest: ContentDigest): string {
    return join(this.#root, 'blobs', pathOf(digest));
  }

  ingestPath(id: number): string {
    return join(this.#root, 'ingests', String(id));
  }

  /** A new name for a file that {@link place} makes a blob, without an ingest. */
  fetchPath(): string {
    return join(this.#root, 'fetches', String(++this.#named));
  }

  /** Makes a file, which is on disk, a blob; returns when that is on disk too. */
  place(path: string, digest: ContentDigest): void {
    const target = this.blobPath(digest);
    renameSync(path, target);
    const folder = openSync(join(target, '..'), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  /** Takes a file away at once; its space is free a moment later. One that is not there is fine. */
  remove(path: string): void {
    const aside = join(this.#root, 'removed', String(++this.#named));
    try {
      renameSync(path, aside);
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw reason;
    }
    rm(aside, { force: true }).catch(() => {}); // the next start empties the folder
  }

  /** Removes what no row speaks of: left by a crash between file and row. */
  retain(digests: readonly ContentDigest[], ingestIds: readonly number[]): void {
    const blobs = new Set(digests.map(pathOf));
    for (const algorithm of ALGORITHMS) {
      for (const name of readdirSync(join(this.#root, 'blobs', algorithm)))
        if (!blobs.has(`${algorithm}/${name}`)) this.remove(join(this.#root, 'blobs', algorithm, name));
    }
    const ingests = new Set(ingestIds.map(String));
    for (const name of readdirSync(join(this.#root, 'ingests')))
      if (!ingests.has(name)) this.remove(join(this.#root, 'ingests', name));
  }
}
