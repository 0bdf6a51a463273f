import { lstat, mkdir } from 'node:fs/promises';
import type { DirectoryAttributes } from './ports.ts';

/** What a directory of the chain has at a path. */
type Entry = 'directory' | 'opaque directory' | 'other' | 'nothing';

const MAX_REMEMBERED = 10_000;

/**
 * Where the attributes of a layer's implied directories must come from: for each path (byte string) that a lower layer
 * has too, the directory to copy. `stack` are the directories of the chain, top first, `stack[0]` the layer itself.
 *
 * A directory that the layer's tar did not name was made with default attributes, yet means "as it is below". Below ends
 * where overlay ends: at a whiteout or file, and under an opaque directory. An implied directory that is opaque itself
 * loses only what it held, so its own attributes still come from below.
 */
export async function findCorrections(
  implied: readonly string[],
  stack: readonly string[],
  attributes: Pick<DirectoryAttributes, 'isOpaque'>,
): Promise<Map<string, Buffer>> {
  const [layer, ...below] = stack.map((directory) => new Entries(directory, attributes));
  const corrections = new Map<string, Buffer>();
  for (const path of implied) {
    if (!layer || (await layer.hasOpaqueAbove(path))) continue;
    for (const lower of below) {
      const found = await lower.lookUp(path);
      if (found === 'directory') corrections.set(path, bytePath(lower.directory, path));
      if (found !== 'nothing') break;
    }
  }
  return corrections;
}

/**
 * Fills the empty directory `into`, which is to lie directly above `layer`: the corrected directories, and those that
 * lead to them as the layer has them. Nothing in it is opaque, so all that the layer holds or hides stays as it is.
 */
export async function writeCorrections(
  into: string,
  corrections: ReadonlyMap<string, Buffer>,
  layer: string,
  attributes: Pick<DirectoryAttributes, 'copyAttributes'>,
): Promise<void> {
  const paths = new Set([...corrections.keys()].flatMap(prefixesOf));
  const parentsFirst = [...paths].sort();
  for (const path of parentsFirst) await mkdir(bytePath(into, path));
  // Making a directory changes its parent's times, so attributes come after all of them.
  for (const path of ['', ...parentsFirst]) {
    await attributes.copyAttributes(corrections.get(path) ?? bytePath(layer, path), bytePath(into, path));
  }
}

class Entries {
  readonly directory: string;
  readonly #attributes: Pick<DirectoryAttributes, 'isOpaque'>;
  readonly #remembered = new Map<string, Entry>();

  constructor(directory: string, attributes: Pick<DirectoryAttributes, 'isOpaque'>) {
    this.directory = directory;
    this.#attributes = attributes;
  }

  /** What overlay finds here: a directory, something that ends the search, or nothing. */
  async lookUp(path: string): Promise<'directory' | 'end' | 'nothing'> {
    let opaque = false;
    for (const prefix of prefixesOf(path)) {
      const entry = await this.#at(prefix);
      if (entry === 'other' || (entry === 'nothing' && opaque)) return 'end';
      if (entry === 'nothing') return 'nothing';
      opaque ||= entry === 'opaque directory';
    }
    return 'directory';
  }

  async hasOpaqueAbove(path: string): Promise<boolean> {
    for (const prefix of prefixesOf(path).slice(0, -1)) {
      if ((await this.#at(prefix)) === 'opaque directory') return true;
    }
    return false;
  }

  async #at(path: string): Promise<Entry> {
    const known = this.#remembered.get(path);
    if (known) return known;
    const entry = await this.#look(bytePath(this.directory, path));
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(path, entry);
    return entry;
  }

  async #look(path: Buffer): Promise<Entry> {
    try {
      if (!(await lstat(path)).isDirectory()) return 'other';
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return 'nothing';
      throw reason;
    }
    return (await this.#attributes.isOpaque(path)) ? 'opaque directory' : 'directory';
  }
}

/** `a`, `a/b`, `a/b/c` for `a/b/c`. */
function prefixesOf(path: string): string[] {
  const names = path.split('/');
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}

/** A byte string below a directory, as the bytes that the kernel wants. */
function bytePath(directory: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, 'latin1')]);
}
