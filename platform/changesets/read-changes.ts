import { read, readSync, type BigIntStats } from 'node:fs';
import { promisify } from 'node:util';
import { CodedError } from '@lade/errors';
import type { PullSource } from '@lade/streams';
import type { EncodableEntry, TarMember } from '@lade/tar';
import { changed, present, quote } from './changing-tree.ts';
import { openBelow, openRoot, type Level } from './level.ts';
import { OpenFile } from './open-directory.ts';
import { attributesOf, isWhiteout, kindOf, specificsOf } from './read-entry.ts';
import { sortXattrs, type Xattrs } from './xattrs.ts';

/** Where overlayfs keeps what a snapshot has otherwise than its parent. */
export interface Changes {
  /** What is new, with whiteouts and opaque directories for what is gone. */
  readonly directory: string;
  /** Directories that lend their attributes to those of the same path in `directory`. */
  readonly correction?: string | undefined;
}

export interface ReadOptions {
  readonly xattrs: Xattrs;
  /**
   * The files are on the disk, and nothing in this process has to bring them: small ones are read without giving way, which
   * saves a hop to the thread pool each.
   */
  readonly areHere?: boolean | undefined;
  /** Modification times after this, in nanoseconds since 1970, are stated as this. */
  readonly modifiedUntilNs?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

const WHITEOUT_PREFIX = '.wh.';
const OPAQUE_MARKER = '.wh..wh..opq';

const SMALL_BYTES = 128 << 10;

type ReadPiece = (fd: number, buffer: Uint8Array, at: number) => number | Promise<number>;

const readLater = promisify(read);
const readAside: ReadPiece = async (fd, buffer, at) =>
  (await readLater(fd, buffer, 0, buffer.byteLength, at)).bytesRead;
const readNow: ReadPiece = (fd, buffer, at) => readSync(fd, buffer, 0, buffer.byteLength, at);

/**
 * The members of the layer that makes these changes, parents first, siblings in the order of their names' bytes: equal trees
 * give equal members. Sockets and the attributes of the root are no part of a layer. What vanishes while it is read was not
 * there.
 *
 * Throws `unimplemented` when only a mount can tell what the tree means, `failed_precondition` for a name that would
 * mean something else in a layer, `aborted` when a file becomes shorter while it is read.
 */
export async function* readChanges(changes: Changes, options: ReadOptions): AsyncGenerator<TarMember> {
  const reader = new ChangesReader(options);
  const levels: Level[] = [];
  try {
    levels.push(await openRoot(changes.directory, changes.correction));
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      options.signal?.throwIfAborted();
      const name = level.names.pop();
      const below = name && (yield* reader.read(level, name));
      if (below) levels.push(below);
      else if (!name) levels.pop()?.[Symbol.dispose]();
    }
  } finally {
    for (const level of levels) level[Symbol.dispose]();
  }
}

class ChangesReader {
  readonly #xattrs: Xattrs;
  readonly #untilNs: bigint | undefined;
  readonly #blockingBytes: number;
  /** The first name of each inode that has several. */
  readonly #firstNames = new Map<string, string>();

  constructor({ xattrs, modifiedUntilNs, areHere = false }: ReadOptions) {
    this.#xattrs = xattrs;
    this.#untilNs = modifiedUntilNs;
    this.#blockingBytes = areHere ? SMALL_BYTES : 0;
  }

  /** Returns a directory, whose entries come next. */
  async *read(level: Level, name: Buffer): AsyncGenerator<TarMember, Level | undefined> {
    const path = level.path + name.toString('latin1');
    const stats = present(path, () => level.directory.look(name));
    const kind = stats && kindOf(stats);
    if (!stats || !kind) return undefined;
    if (name.toString('latin1').startsWith(WHITEOUT_PREFIX)) throw isReserved(path);
    if (kind === 'directory') return yield* this.#directory(level, name);
    const place = level.directory.at(name);
    if (kind === 'file') yield* this.#file(path, place);
    else if (isWhiteout(stats)) yield marker(level.path + WHITEOUT_PREFIX + name.toString('latin1'));
    else {
      const entry = present(path, () => this.#describe(path, kind, { stats, place, follow: false }));
      if (entry) yield { entry };
    }
    return undefined;
  }

  async *#directory(level: Level, name: Buffer): AsyncGenerator<TarMember, Level | undefined> {
    using opened = new DisposableStack();
    const below = await openBelow(level, name);
    if (!below) return undefined;
    opened.use(below);
    const { path, directory, correction: lender = directory } = below;
    const { kept: xattrs } = sortXattrs(lender.place, true, this.#xattrs);
    yield { entry: { path, kind: 'directory', ...attributesOf(lender.stat(), this.#untilNs), xattrs } };
    if (sortXattrs(directory.place, true, this.#xattrs).isOpaque) yield marker(path + OPAQUE_MARKER);
    opened.move();
    return below;
  }

  async *#file(path: string, place: Buffer): AsyncGenerator<TarMember> {
    using file = present(path, () => new OpenFile(place));
    if (!file) return;
    const stats = file.stat();
    if (!stats.isFile()) throw changed(path, 'something else is in its place');
    const entry = this.#describe(path, 'file', { stats, place: file.place, follow: true });
    const readPiece = Number(stats.size) <= this.#blockingBytes ? readNow : readAside;
    yield { entry, content: contentOf(file, path, readPiece) };
  }

  #describe(path: string, kind: NonNullable<ReturnType<typeof kindOf>>, found: Found): EncodableEntry {
    const { stats, place, follow } = found;
    const { kept: xattrs } = sortXattrs(place, follow, this.#xattrs);
    const attributes = { path, ...attributesOf(stats, this.#untilNs), xattrs };
    const linkPath = stats.nlink > 1n ? this.#firstNameOf(stats, path) : path;
    if (linkPath !== path) return { ...attributes, kind: 'hard-link', linkPath };
    return { ...attributes, kind, ...specificsOf(kind, stats, place) };
  }

  #firstNameOf({ dev, ino }: BigIntStats, path: string): string {
    const inode = `${dev} ${ino}`;
    const first = this.#firstNames.get(inode);
    if (first === undefined) this.#firstNames.set(inode, path);
    return first ?? path;
  }
}

interface Found {
  readonly stats: BigIntStats;
  readonly place: Buffer;
  readonly follow: boolean;
}

/** An empty file whose name says all; it has no owner and no time of its own. */
function marker(path: string): TarMember {
  return { entry: { path, kind: 'file', mode: 0 } };
}

function contentOf({ fd }: OpenFile, path: string, readPiece: ReadPiece): PullSource {
  let at = 0;
  return async (buffer) => {
    const bytesRead = await readPiece(fd, buffer, at);
    if (bytesRead === 0) throw changed(path, `it ended after ${at} bytes`);
    at += bytesRead;
    return bytesRead;
  };
}

function isReserved(path: string): CodedError {
  return new CodedError(
    'failed_precondition',
    `Cannot put ${quote(path)} into a layer: names that begin with ${WHITEOUT_PREFIX} say there what is gone`,
    { cure: 'Rename or remove it' },
  );
}
