import { open, type FileHandle } from 'node:fs/promises';
import type { ContentDigest } from './content-digest.ts';

/** containerd reads a blob piece by piece, each in a call of its own: the file stays open a moment longer. */
const KEEP_MS = 1_000;

/** A blob that stays readable until disposed, whatever becomes of it meanwhile. */
export interface ContentBlob extends Disposable {
  readonly file: FileHandle;
  readonly sizeBytes: number;
}

interface Entry {
  readonly opening: Promise<{ readonly file: FileHandle; readonly sizeBytes: number }>;
  /** Those who wait for it included. */
  readers: number;
  timer: NodeJS.Timeout | undefined;
}

/** Files of blobs, open for those who read, and for those who are going to read on. */
export class OpenBlobs implements Disposable {
  readonly #entries = new Map<ContentDigest, Entry>();

  /** Undefined where there is no such file of exactly this size. */
  async open(digest: ContentDigest, path: string, sizeBytes: number): Promise<ContentBlob | undefined> {
    const entry = this.#entries.get(digest) ?? this.#add(digest, path);
    clearTimeout(entry.timer);
    entry.readers++;
    const leave = (): void => this.#leave(digest, entry);
    const opened = await entry.opening.catch(() => undefined);
    if (opened?.sizeBytes === sizeBytes) return { ...opened, [Symbol.dispose]: leave };
    this.forget(digest);
    leave();
    return undefined;
  }

  /** Whoever opens it from now on gets the file that is there then. */
  forget(digest: ContentDigest): void {
    const entry = this.#entries.get(digest);
    if (!entry) return;
    this.#entries.delete(digest);
    clearTimeout(entry.timer);
    if (entry.readers === 0) close(entry);
  }

  /** Those who still read have their files until they are done. */
  [Symbol.dispose](): void {
    for (const digest of this.#entries.keys()) this.forget(digest);
  }

  #add(digest: ContentDigest, path: string): Entry {
    const opening = (async () => {
      const file = await open(path);
      const { size, mtime } = await file.stat();
      // Most file systems are told not to note each access.
      await file.utimes(new Date(), mtime);
      return { file, sizeBytes: size };
    })();
    const entry = { opening, readers: 0, timer: undefined };
    this.#entries.set(digest, entry);
    return entry;
  }

  #leave(digest: ContentDigest, entry: Entry): void {
    if (--entry.readers > 0) return;
    if (this.#entries.get(digest) !== entry) close(entry);
    else entry.timer = setTimeout(() => this.forget(digest), KEEP_MS).unref();
  }
}

function close({ opening }: Entry): void {
  opening.then(async ({ file }) => file.close()).catch(() => {});
}
