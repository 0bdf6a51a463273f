import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface S3Object {
  readonly key: string;
  /** Never written again. */
  readonly file: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modified: Date;
}

/** What must hold for an object to be replaced, as the headers of a request have it. */
export interface S3Condition {
  readonly ifNoneMatch?: string | undefined;
  readonly ifMatch?: string | undefined;
}

/** Objects of one bucket: names in memory, bytes in files of a folder. */
export class S3Objects {
  readonly #folder: string;
  readonly #objects = new Map<string, S3Object>();
  readonly #uploads = new Map<string, Map<number, string>>();
  #number = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get(key: string): S3Object | undefined {
    return this.#objects.get(key);
  }

  /** Undefined where the condition does not hold once all bytes are here. */
  async put(key: string, body: Readable, condition: S3Condition): Promise<S3Object | undefined> {
    const file = await this.#newFile();
    const sizeBytes = await write(body, file);
    return this.#commit({ key, file, sizeBytes }, condition);
  }

  async delete(key: string): Promise<void> {
    const object = this.#objects.get(key);
    this.#objects.delete(key);
    if (object) await rm(object.file);
  }

  /** Up to `limit` objects after a key, in the order of the bytes of their keys. */
  list(prefix: string, after: string, limit: number): S3Object[] {
    const start = Buffer.from(after);
    return [...this.#objects.values()]
      .map((object) => ({ object, bytes: Buffer.from(object.key) }))
      .filter(({ object, bytes }) => object.key.startsWith(prefix) && bytes.compare(start) > 0)
      .sort((a, b) => a.bytes.compare(b.bytes))
      .slice(0, limit)
      .map(({ object }) => object);
  }

  beginUpload(): string {
    const id = String(++this.#number);
    this.#uploads.set(id, new Map());
    return id;
  }

  async putPart(id: string, part: number, body: Readable): Promise<void> {
    const file = await this.#newFile();
    await write(body, file);
    this.#uploads.get(id)?.set(part, file);
  }

  /** Same result as of put(). */
  async completeUpload(id: string, key: string, condition: S3Condition): Promise<S3Object | undefined> {
    const parts = [...(this.#uploads.get(id) ?? [])].sort(([a], [b]) => a - b);
    const file = await this.#newFile();
    let sizeBytes = 0;
    for (const [, part] of parts) sizeBytes += await write(createReadStream(part), file);
    await this.abortUpload(id);
    return this.#commit({ key, file, sizeBytes }, condition);
  }

  async abortUpload(id: string): Promise<void> {
    const parts = this.#uploads.get(id)?.values() ?? [];
    this.#uploads.delete(id);
    for (const file of parts) await rm(file);
  }

  /** In one turn of the event loop: of puts that race, one comes first. */
  async #commit(
    written: { readonly key: string; readonly file: string; readonly sizeBytes: number },
    { ifNoneMatch, ifMatch }: S3Condition,
  ): Promise<S3Object | undefined> {
    const { key, file } = written;
    const current = this.#objects.get(key);
    const isRefused =
      (ifNoneMatch !== undefined && current) || (ifMatch !== undefined && ifMatch !== current?.etag);
    const object = { ...written, etag: `"${++this.#number}"`, modified: new Date() };
    if (!isRefused) this.#objects.set(key, object);
    const useless = isRefused ? file : current?.file;
    if (useless !== undefined) await rm(useless);
    return isRefused ? undefined : object;
  }

  async #newFile(): Promise<string> {
    await mkdir(this.#folder, { recursive: true });
    return join(this.#folder, String(++this.#number));
  }
}

/** Appends to a file; the number of bytes. */
async function write(body: Readable, file: string): Promise<number> {
  const sink = createWriteStream(file, { flags: 'a' });
  await pipeline(body, sink);
  return sink.bytesWritten;
}
