import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { IdMapping } from './id-mapping.ts';
import type { IdMapper } from './ports.ts';

/**
 * The lower directories of snapshots whose ids are mapped, mounted as `<root>/mapped/<snapshot id>/<n>`: containerd would
 * have to do it for us, but of its versions some do not see that layers are mounts of their own, and show nothing.
 */
export class MappedDirectories {
  readonly #folder: string;
  readonly #mapper: IdMapper;
  readonly #changes = new Map<number, Promise<void>>();

  private constructor(folder: string, mapper: IdMapper) {
    this.#folder = folder;
    this.#mapper = mapper;
  }

  static async open(root: string, mapper: IdMapper): Promise<MappedDirectories> {
    const folder = join(root, 'mapped');
    await mkdir(folder, { recursive: true, mode: 0o711 });
    return new MappedDirectories(folder, mapper);
  }

  /** Where the directories are from now on to be found, in the same order. */
  async mount(id: number, directories: readonly string[], mapping: IdMapping): Promise<string[]> {
    const folder = this.#path(id);
    const targets = directories.map((_, i) => join(folder, String(i)));
    await this.#inTurn(id, async () => {
      // A layer may be mounted anew since: nobody may see one that was mounted while nobody filled it.
      if (directories.every((directory, i) => isSame(directory, targets[i] ?? ''))) return;
      await mkdir(folder, { recursive: true, mode: 0o711 });
      await this.#mapper.unmount(folder);
      await this.#mapper.mount(folder, directories, mapping);
    });
    return targets;
  }

  async remove(id: number): Promise<void> {
    await this.#inTurn(id, async () => this.#remove(this.#path(id)));
  }

  /** Removes those of all snapshots that `isOwned` denies. */
  async sweep(isOwned: (id: number) => boolean): Promise<void> {
    for (const name of await readdir(this.#folder))
      if (!isOwned(Number(name))) await this.remove(Number(name));
  }

  #path(id: number): string {
    return join(this.#folder, String(id));
  }

  /** Never more than an empty folder: what is still mounted must not be emptied. */
  async #remove(folder: string): Promise<void> {
    if (!existsSync(folder)) return;
    await this.#mapper.unmount(folder);
    await rmdir(folder);
  }

  async #inTurn(id: number, work: () => Promise<void>): Promise<void> {
    const before = this.#changes.get(id) ?? Promise.resolve();
    const change = before.then(work);
    const settled = change.catch(() => undefined);
    this.#changes.set(id, settled);
    try {
      await change;
    } finally {
      if (this.#changes.get(id) === settled) this.#changes.delete(id);
    }
  }
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a !== undefined && a.dev === b?.dev && a.ino === b.ino;
}
