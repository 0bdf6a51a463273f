import { chmodSync, chownSync, existsSync, mkdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { Directories, NewDirectory } from './directories.ts';

/** Until the answer to the Prepare that took the spare directory is on its way. */
const REFILL_MS = 5;

/**
 * Makes the directories of snapshots: `fs`, and overlay's `work`. One is always ready, as making the three inodes is
 * a third of a Prepare. Synchronous, as each hop to the thread pool costs a millisecond on a busy machine.
 */
export class ContentDirectories implements AsyncDisposable {
  readonly #directories: Directories;
  #spare: NewDirectory | undefined;
  #refill: NodeJS.Timeout | undefined;

  constructor(directories: Directories) {
    this.#directories = directories;
  }

  /** A new directory whose `fs` has the mode and owner of `like`, without it 0755 and root's. */
  create(like?: Pick<Stats, 'mode' | 'uid' | 'gid'>): NewDirectory {
    const directory = this.#spare && existsSync(this.#spare.path) ? this.#spare : this.#make();
    this.#spare = undefined;
    this.#refill ??= setTimeout(() => this.#makeSpare(), REFILL_MS).unref();
    const fs = join(directory.path, 'fs');
    if (like) chownSync(fs, like.uid, like.gid);
    chmodSync(fs, like ? like.mode & 0o7777 : 0o755);
    return directory;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#refill);
    await this.#spare?.[Symbol.asyncDispose]();
  }

  #make(): NewDirectory {
    const directory = this.#directories.create();
    const work = join(directory.path, 'work');
    mkdirSync(join(directory.path, 'fs'));
    mkdirSync(work);
    chmodSync(work, 0o711);
    return directory;
  }

  #makeSpare(): void {
    this.#refill = undefined;
    try {
      this.#spare ??= this.#make();
    } catch {
      // The next Prepare tries again, and reports it.
    }
  }
}
