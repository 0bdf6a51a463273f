import { randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CodedError, wrapError } from '@lade/errors';
import { fromBytes, type ByteSource } from '@lade/streams';
import type {
  Bucket,
  ConditionalPuts,
  ObjectBody,
  ObjectInfo,
  PutOptions,
  RangeOptions,
  ListOptions,
  WaitOptions,
} from '../bucket.ts';
import { byteRange, rangeEnd } from '../byte-range.ts';
import { checkCondition, notFound } from '../failures.ts';
import { checkKey, compareKeys } from '../object-key.ts';
import { promisedBody, promisedSize } from '../promised-body.ts';
import { directoryFailure, folderGone, isFolder, isMissing, type Attempt } from './directory-failures.ts';
import { makeFolderOf, syncFolders, writeDurably } from './durable-file.ts';
import { waitForLock } from './file-lock.ts';
import { pathOfKey, segmentOfName } from './file-names.ts';
import { readPiece, readUpTo, wholePiece } from './file-pieces.ts';

const READ_BYTES = 1 << 20;
const STALE_MS = 24 * 3_600_000;
/** Below the bucket's folder; no key leads to them, since a leading dot is escaped. */
const TEMPORARY = '.tmp';
const LOCK = '.lock';

/**
 * A bucket in a folder, embedded or shared by the daemons of one machine: each key is a file of that path. Objects are
 * on the disk before put() returns, and appear by link or rename, so a crash leaves nothing but temporary files, which
 * the next open removes after a day. A folder that cannot be written can be read all the same.
 */
export async function openDirectoryBucket(folder: string): Promise<Bucket> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await makeTemporary(folder);
    await removeStale(join(folder, TEMPORARY));
  } catch (reason) {
    const error = wrapError(reason, `Cannot open bucket ${folder}`, {
      cure: 'Choose a folder that can be written to',
    });
    if (error.code !== 'permission_denied' || !(await isFolder(folder))) throw error;
  }
  return new DirectoryBucket(folder);
}

/** Not recursive, which Linux's EROFS makes Node call ENOENT. */
async function makeTemporary(folder: string): Promise<void> {
  try {
    await mkdir(join(folder, TEMPORARY), { mode: 0o700 });
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== 'EEXIST') throw reason;
  }
}

async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const stats = await stat(path).catch(() => undefined);
    if (stats && Date.now() - stats.mtimeMs > STALE_MS) await rm(path, { force: true });
  }
}

class DirectoryBucket implements Bucket {
  readonly location: string;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.location = pathToFileURL(folder).href;
  }

  async put(
    key: string,
    body: Uint8Array | ByteSource,
    options: PutOptions = {},
  ): Promise<{ version: string }> {
    const path = this.#path(key);
    const source = promisedBody(body, key, promisedSize(body, options), options.signal);
    const temporary = join(this.#folder, TEMPORARY, randomUUID());
    options.signal?.throwIfAborted();
    try {
      if (options.condition) await this.#check(path, key, options);
      await makeTemporary(this.#folder);
      const version = versionOf(await writeDurably(temporary, source));
      const top = await makeFolderOf(path);
      await this.#place(temporary, path, key, options);
      await syncFolders(path, top);
      return { version };
    } catch (reason) {
      options.signal?.throwIfAborted();
      throw await this.#failure(reason, key, 'put');
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async get(key: string, options: RangeOptions = {}): Promise<ObjectBody> {
    const path = this.#path(key);
    const range = byteRange(options);
    options.signal?.throwIfAborted();
    try {
      await using file = await open(path, 'r');
      const { offset, length } = range;
      // At once, since to hand each to a thread takes as long as to do it.
      const [stats, early] = await Promise.all([
        file.stat({ bigint: true }),
        length <= READ_BYTES ? readUpTo(file, offset, length) : undefined,
      ]);
      if (!stats.isFile()) throw notFound(this.location, key);
      const { sizeBytes, version } = infoOf(key, stats);
      const end = rangeEnd(range, sizeBytes, key);
      if (early) return { sizeBytes, version, body: fromBytes(wholePiece(early, offset, end)) };
      const body =
        end - offset <= READ_BYTES
          ? fromBytes(await readPiece(file, offset, end))
          : this.#read(key, version, { start: offset, end }, options.signal);
      return { sizeBytes, version, body };
    } catch (reason) {
      throw await this.#failure(reason, key, 'read');
    }
  }

  async head(key: string, options: WaitOptions = {}): Promise<ObjectInfo> {
    const path = this.#path(key);
    options.signal?.throwIfAborted();
    const stats = await statFile(path).catch(async (reason: unknown) => {
      throw await this.#failure(reason, key, 'read');
    });
    if (stats) return infoOf(key, stats);
    await this.#expectFolder(key, 'read');
    throw notFound(this.location, key);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    options.signal?.throwIfAborted();
    const walk = { prefix, startAfter: options.startAfter ?? '', signal: options.signal };
    try {
      yield* this.#walk(this.#folder, '', walk);
    } catch (reason) {
      options.signal?.throwIfAborted();
      throw await this.#failure(reason, `${prefix}*`, 'list');
    }
  }

  async delete(keys: readonly string[], options: WaitOptions = {}): Promise<void> {
    const paths = keys.map((key) => this.#path(key));
    await this.#expectFolder(keys[0] ?? '', 'delete');
    using _lock = await this.#lock(options);
    for (const [i, path] of paths.entries()) {
      options.signal?.throwIfAborted();
      await unlink(path).catch(async (reason: unknown) => {
        if (!isMissing(reason)) throw await this.#failure(reason, keys[i] ?? '', 'delete');
      });
    }
  }

  async conditionalPuts(): Promise<ConditionalPuts> {
    return 'atomic';
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #path(key: string): string {
    checkKey(key);
    return join(this.#folder, pathOfKey(key));
  }

  #lock(options: WaitOptions): Promise<Disposable> {
    return waitForLock(join(this.#folder, LOCK), options.signal);
  }

  async #check(path: string, key: string, options: PutOptions): Promise<void> {
    const stats = await statFile(path);
    if (!stats) await this.#expectFolder(key, 'put');
    checkCondition(options, stats && versionOf(stats), this.location, key);
  }

  async #expectFolder(key: string, action: Attempt['action']): Promise<void> {
    const attempt = { folder: this.#folder, location: this.location, key, action };
    if (!(await isFolder(this.#folder))) throw folderGone(attempt);
  }

  /** Under the lock, because rename(2) asks nothing about what it replaces. */
  async #place(temporary: string, path: string, key: string, options: PutOptions): Promise<void> {
    using _lock = await this.#lock(options);
    if (options.condition) await this.#check(path, key, options);
    await rename(temporary, path);
  }

  /** Opens the file only when it is read, so that an unread body holds nothing. */
  async *#read(
    key: string,
    version: string,
    { start, end }: { readonly start: number; readonly end: number },
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    try {
      await using file = await open(this.#path(key), 'r');
      if (versionOf(await file.stat({ bigint: true })) !== version) {
        throw new CodedError('aborted', `Cannot read ${key} in ${this.location}: it was replaced`, {
          cure: 'Read it again',
        });
      }
      for (let at = start; at < end; at += READ_BYTES) {
        signal?.throwIfAborted();
        yield await readPiece(file, at, Math.min(end, at + READ_BYTES));
      }
    } catch (reason) {
      signal?.throwIfAborted();
      throw await this.#failure(reason, key, 'read');
    }
  }

  /** The objects below a folder, given by its path and by how their keys start, in order. */
  async *#walk(folder: string, start: string, wanted: Wanted): AsyncGenerator<ObjectInfo> {
    const entries = await readdir(folder, { withFileTypes: true }).catch((reason: unknown) => {
      if (folder !== this.#folder && isMissing(reason)) return [];
      throw reason;
    });
    const found = entries
      .filter((entry) => !entry.name.startsWith('.') && (entry.isFile() || entry.isDirectory()))
      .map((entry) => ({
        path: join(folder, entry.name),
        isFolder: entry.isDirectory(),
        key: start + segmentOfName(entry.name) + (entry.isDirectory() ? '/' : ''),
      }))
      .sort((a, b) => compareKeys(a.key, b.key));
    for (const { path, isFolder, key } of found) {
      wanted.signal?.throwIfAborted();
      if (isFolder) {
        if (mayHold(key, wanted)) yield* this.#walk(path, key, wanted);
      } else if (key.startsWith(wanted.prefix) && compareKeys(key, wanted.startAfter) > 0) {
        const stats = await statFile(path);
        if (stats) yield infoOf(key, stats);
      }
    }
  }

  #failure(reason: unknown, key: string, action: Attempt['action']): Promise<unknown> {
    return directoryFailure(reason, { folder: this.#folder, location: this.location, key, action });
  }
}

interface Wanted {
  readonly prefix: string;
  readonly startAfter: string;
  readonly signal: AbortSignal | undefined;
}

/** Whether keys that start with `key` (which ends in a slash) can match. */
function mayHold(key: string, { prefix, startAfter }: Wanted): boolean {
  if (!key.startsWith(prefix) && !prefix.startsWith(key)) return false;
  return startAfter.startsWith(key) || compareKeys(key, startAfter) > 0;
}

async function statFile(path: string): Promise<BigIntStats | undefined> {
  const stats = await stat(path, { bigint: true }).catch(ifMissing(undefined));
  return stats?.isFile() ? stats : undefined;
}

/** Every put makes a file of its own, so inode and time tell versions apart. */
function versionOf({ ino, mtimeNs, size }: BigIntStats): string {
  return [ino, mtimeNs, size].map((part) => part.toString(36)).join('-');
}

function infoOf(key: string, stats: BigIntStats): ObjectInfo {
  return { key, sizeBytes: Number(stats.size), version: versionOf(stats), modifiedAt: stats.mtime };
}

function ifMissing<T>(value: T): (reason: unknown) => T {
  return (reason) => {
    if (isMissing(reason)) return value;
    throw reason;
  };
}
