import { randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError, wrapError } from '@lade/errors';
import type { ByteSource } from '@lade/streams';
import { exactly, promisedSize } from '../body-size.ts';
import type { Bucket, ObjectBody, ObjectInfo, PutOptions, RangeOptions, WaitOptions } from '../bucket.ts';
import { alreadyExists, notFound, rangeEnd, versionChanged } from '../failures.ts';
import { checkKey, compareKeys } from '../object-key.ts';
import { withFileLock } from './file-lock.ts';

const READ_BYTES = 1 << 20;
const STALE_MS = 24 * 3_600_000;
/** Below the bucket's folder; no key leads here, since a leading dot is escaped. */
const TEMPORARY = '.tmp';

/**
 * A bucket in a folder, embedded or shared by the daemons of one machine: each key is a file of that path. Objects are
 * on the disk before put() returns, and appear by link or rename, so a crash leaves nothing but temporary files, which
 * the next open removes after a day.
 */
export async function openDirectoryBucket(folder: string): Promise<Bucket> {
  try {
    await mkdir(join(folder, TEMPORARY), { recursive: true, mode: 0o700 });
    await removeStale(join(folder, TEMPORARY));
  } catch (reason) {
    throw wrapError(reason, `Cannot open bucket ${folder}`, {
      cure: 'Choose a folder that can be written to',
    });
  }
  return new DirectoryBucket(folder);
}

async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const age = Date.now() - (await stat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
    if (age > STALE_MS) await rm(path, { force: true });
  }
}

class DirectoryBucket implements Bucket {
  readonly location: string;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.location = `file://${folder}`;
  }

  async put(
    key: string,
    body: Uint8Array | ByteSource,
    options: PutOptions = {},
  ): Promise<{ version: string }> {
    const path = this.#path(key);
    const temporary = join(this.#folder, TEMPORARY, randomUUID());
    try {
      await this.#refuseEarly(path, key, options);
      await writeDurably(temporary, exactly(body, promisedSize(body, options), key), options.signal);
      options.signal?.throwIfAborted();
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      await this.#place(temporary, path, key, options);
      await syncFolder(dirname(path));
      return { version: versionOf(await stat(path, { bigint: true })) };
    } catch (reason) {
      options.signal?.throwIfAborted();
      throw this.#failure(reason, key, 'put');
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async get(key: string, options: RangeOptions = {}): Promise<ObjectBody> {
    options.signal?.throwIfAborted();
    const file = await this.#open(key);
    try {
      const stats = await file.stat({ bigint: true });
      const sizeBytes = Number(stats.size);
      const range = { start: options.offset ?? 0, end: rangeEnd(options, sizeBytes, key) };
      return { sizeBytes, version: versionOf(stats), body: readRange(file, range, options.signal) };
    } catch (reason) {
      await file.close();
      throw reason;
    }
  }

  async head(key: string, options: WaitOptions = {}): Promise<ObjectInfo> {
    options.signal?.throwIfAborted();
    try {
      return infoOf(key, await stat(this.#path(key), { bigint: true }));
    } catch (reason) {
      throw this.#failure(reason, key, 'read');
    }
  }

  async *list(
    prefix: string,
    options: WaitOptions & { startAfter?: string } = {},
  ): AsyncGenerator<ObjectInfo> {
    yield* this.#walk('', { prefix, startAfter: options.startAfter ?? '', signal: options.signal });
  }

  async delete(keys: readonly string[], options: WaitOptions = {}): Promise<void> {
    const paths = keys.map((key) => this.#path(key));
    for (const [i, path] of paths.entries()) {
      options.signal?.throwIfAborted();
      await unlink(path).catch((reason: unknown) => {
        if (!isMissing(reason)) throw this.#failure(reason, keys[i] ?? '', 'delete');
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #path(key: string): string {
    checkKey(key);
    return join(this.#folder, ...key.split('/').map(escapeSegment));
  }

  async #open(key: string): Promise<FileHandle> {
    try {
      const file = await open(this.#path(key), 'r');
      if ((await file.stat()).isFile()) return file;
      await file.close();
    } catch (reason) {
      throw this.#failure(reason, key, 'read');
    }
    throw notFound(this.location, key);
  }

  /** Saves writing a body whose condition has failed already. */
  async #refuseEarly(path: string, key: string, { condition }: PutOptions): Promise<void> {
    if (!condition) return;
    const version = await currentVersion(path);
    if ('version' in condition) {
      if (version !== condition.version) throw versionChanged(this.location, key);
    } else if (version !== undefined) throw alreadyExists(this.location, key);
  }

  async #place(temporary: string, path: string, key: string, { condition }: PutOptions): Promise<void> {
    if (!condition) return rename(temporary, path);
    if ('absent' in condition) return link(temporary, path);
    const lock = join(
      this.#folder,
      TEMPORARY,
      `${Buffer.from(key).toString('base64url').slice(0, 200)}.lock`,
    );
    await withFileLock(lock, async () => {
      if ((await currentVersion(path)) !== condition.version) throw versionChanged(this.location, key);
      await rename(temporary, path);
    });
  }

  async *#walk(folder: string, options: WalkOptions): AsyncGenerator<ObjectInfo> {
    const entries = await readdir(join(this.#folder, folder), { withFileTypes: true }).catch(
      (reason: unknown) => {
        if (isMissing(reason)) return [];
        throw this.#failure(reason, folder, 'list');
      },
    );
    const named = entries
      .filter(({ name }) => !name.startsWith('.'))
      .map((entry) => ({ entry, key: keyOf(folder, entry.name) + (entry.isDirectory() ? '/' : '') }))
      .sort((a, b) => compareKeys(a.key, b.key));
    for (const { entry, key } of named) {
      options.signal?.throwIfAborted();
      if (entry.isDirectory()) {
        if (mayHold(key, options)) yield* this.#walk(join(folder, entry.name), options);
      } else if (key.startsWith(options.prefix) && compareKeys(key, options.startAfter) > 0) {
        const stats = await stat(join(this.#folder, folder, entry.name), { bigint: true }).catch(
          () => undefined,
        );
        if (stats) yield infoOf(key, stats);
      }
    }
  }

  #failure(reason: unknown, key: string, action: string): unknown {
    if (reason instanceof CodedError) return reason;
    const { code } = reason as NodeJS.ErrnoException;
    if (code === 'EEXIST') return alreadyExists(this.location, key);
    if (action === 'put') return wrapError(reason, `Cannot put ${key} into ${this.location}`, putCure(code));
    if (isMissing(reason)) return notFound(this.location, key);
    return wrapError(reason, `Cannot ${action} ${key} in ${this.location}`);
  }
}

interface WalkOptions {
  readonly prefix: string;
  readonly startAfter: string;
  readonly signal: AbortSignal | undefined;
}

/** Whether keys below folder `key` (which ends in a slash) can match. */
function mayHold(key: string, { prefix, startAfter }: WalkOptions): boolean {
  if (!key.startsWith(prefix) && !prefix.startsWith(key)) return false;
  return startAfter.startsWith(key) || compareKeys(key, startAfter) > 0;
}

function keyOf(folder: string, name: string): string {
  const segments = [...(folder === '' ? [] : folder.split('/')), name];
  return segments.map(unescapeSegment).join('/');
}

/** A leading dot and the percent sign are all that needs an escape. */
function escapeSegment(segment: string): string {
  return segment.replaceAll('%', '%25').replace(/^\./, '%2E');
}

function unescapeSegment(name: string): string {
  return name.replace(/^%2E/, '.').replaceAll('%25', '%');
}

async function writeDurably(path: string, body: ByteSource, signal: AbortSignal | undefined): Promise<void> {
  await using file = await open(path, 'wx', 0o644);
  for await (const chunk of body) {
    signal?.throwIfAborted();
    await file.writeFile(chunk);
  }
  await file.datasync();
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

async function* readRange(
  file: FileHandle,
  { start, end }: { readonly start: number; readonly end: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    for (let at = start; at < end;) {
      signal?.throwIfAborted();
      const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, end - at));
      const { bytesRead } = await file.read(piece, 0, piece.byteLength, at);
      if (bytesRead === 0)
        throw new CodedError('unavailable', `Cannot read an object: its file was cut to ${at} bytes`);
      yield piece.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function currentVersion(path: string): Promise<string | undefined> {
  try {
    return versionOf(await stat(path, { bigint: true }));
  } catch (reason) {
    if (isMissing(reason)) return undefined;
    throw reason;
  }
}

/** Every put makes a file of its own, so inode and time tell versions apart. */
function versionOf({ ino, mtimeNs, size }: BigIntStats): string {
  return [ino, mtimeNs, size].map((part) => part.toString(36)).join('-');
}

function infoOf(key: string, stats: BigIntStats): ObjectInfo {
  return { key, sizeBytes: Number(stats.size), version: versionOf(stats), modifiedAt: stats.mtime };
}

function isMissing(reason: unknown): boolean {
  const { code } = reason as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function putCure(code: string | undefined): { cure?: string } {
  if (code === 'ENOSPC') return { cure: 'Free space on the bucket’s disk' };
  if (code === 'EROFS' || code === 'EACCES')
    return { cure: 'Make the bucket’s folder writable for the daemon' };
  return {};
}
