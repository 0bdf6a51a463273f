import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { CodedError } from '@lade/errors';

const NEW = 'new-';
const DISCARDED = 'old-';

/** A directory in the making. Disposal removes it unless it was kept. */
export interface NewDirectory extends AsyncDisposable {
  readonly path: string;
  /** Gives it its number, which makes it whole in the eyes of a later start. */
  place(id: number): void;
  keep(): void;
}

/**
 * The numbered directories of one kind below a folder. They are built, and removed, under temporary names: one that has
 * the number of a row is always whole, and every other entry of the folder is garbage.
 */
export class Directories {
  readonly #folder: string;
  readonly #building = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  path(id: number): string {
    return join(this.#folder, String(id));
  }

  /** The number of the directory that is at `path`, or that holds `path` as its direct child `name`, if it is one of these. */
  idOf(path: string, name?: string): number | undefined {
    const [prefix, suffix] = [`${this.#folder}/`, name === undefined ? '' : `/${name}`];
    const digits = path.slice(prefix.length, path.length - suffix.length);
    const fits = path.startsWith(prefix) && path.endsWith(suffix) && /^[1-9]\d*$/.test(digits);
    return fits ? Number(digits) : undefined;
  }

  /** A new empty directory, mode 0700. */
  create(): NewDirectory {
    const path = join(this.#folder, NEW + randomUUID());
    // Before it exists, so that no sweep ever sees it unclaimed.
    this.#building.add(path);
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (reason) {
      this.#building.delete(path);
      throw reason;
    }
    let placed: number | undefined;
    let kept = false;
    return {
      path,
      place: (id) => {
        this.#place(path, id);
        placed = id;
      },
      keep: () => {
        kept = true;
      },
      [Symbol.asyncDispose]: async () => {
        if (!kept) await (placed === undefined ? remove(path) : this.remove(placed));
        this.#building.delete(path);
      },
    };
  }

  /** The number is free as soon as this was called. */
  async remove(id: number): Promise<void> {
    const discarded = this.#moveAway(id);
    if (discarded !== undefined) await remove(discarded);
  }

  /** Removes every entry whose number `isOwned` denies and that nobody is building. */
  async sweep(
    isOwned: (id: number) => boolean,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      options.signal?.throwIfAborted();
      const path = join(this.#folder, name);
      if (this.#building.has(path)) continue;
      if (!/^[1-9]\d*$/.test(name)) await remove(path);
      else if (!isOwned(Number(name))) await this.remove(Number(name));
    }
  }

  async list(): Promise<Set<number>> {
    return new Set((await readdir(this.#folder)).map(Number));
  }

  #place(path: string, id: number): void {
    try {
      renameSync(path, this.path(id));
    } catch (reason) {
      // What a crash has left there is in the way.
      if (this.#moveAway(id) === undefined) throw reason;
      renameSync(path, this.path(id));
    }
  }

  #moveAway(id: number): string | undefined {
    const discarded = join(this.#folder, `${DISCARDED}${randomUUID()}`);
    try {
      renameSync(this.path(id), discarded);
      return discarded;
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw reason;
    }
  }
}

/** The folders of a snapshotter. */
export interface Root {
  readonly snapshots: Directories;
  readonly fixes: Directories;
  /** A directory that holds nothing, ever. */
  readonly empty: string;
}

/** Refuses a root that overlay options cannot carry (`invalid_argument`); makes its folders. */
export async function openRoot(root: string): Promise<Root> {
  if (!isAbsolute(root) || /[:,\\]/.test(root)) {
    throw new CodedError(
      'invalid_argument',
      `Cannot keep snapshots in ${root}: overlay mounts cannot name it`,
      {
        cure: 'Choose an absolute path without colon, comma and backslash',
      },
    );
  }
  const open = async (name: string): Promise<Directories> => {
    const folder = join(root, name);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new Directories(folder);
  };
  const empty = join(root, 'empty');
  await mkdir(empty, { recursive: true, mode: 0o755 });
  return { snapshots: await open('snapshots'), fixes: await open('fixes'), empty };
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
