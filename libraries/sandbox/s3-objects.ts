import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Bytes on disk, never written again. */
export interface StoredBytes {
  readonly file: string;
  readonly sizeBytes: number;
}

export interface S3Object {
  readonly key: string;
  /** One after the other. */
  readonly pieces: readonly StoredBytes[];
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modified: Date;
}

/** What must hold for an object to be replaced, as the headers of a request have it. */
export interface S3Condition {
  readonly ifNoneMatch?: string | undefined;
  readonly ifMatch?: string | undefined;
}

const READ_BYTES = 256 * 1024;

/** Objects of one bucket: names in memory, bytes in files of a folder. */
export class S3Objects {
  readonly #folder: string;
  readonly #objects = new Map<string, S3Object>();
  #number = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get(key: string): S3Object | undefined {
    return this.#objects.get(key);
  }

  /** Undefined where the condition does not hold once all bytes are here. */
  async put(key: string, body: Readable, condition: S3Condition): Promise<S3Object | undefined> {
    const stored = await this.store(body);
    return this.commit(key, [stored], condition);
  }

  async delete(key: string): Promise<void> {
    const object = this.#objects.get(key);
    this.#objects.delete(key);
    if (object) await removeBytes(object.pieces);
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

  /** Writes bytes that belong to no object yet. */
  async store(body: Readable): Promise<StoredBytes> {
    await mkdir(this.#folder, { recursive: true });
    const file = join(this.#folder, String(++this.#number));
    const sink = createWriteStream(file);
    await pipeline(body, sink);
    return { file, sizeBytes: sink.bytesWritten };
  }

  /** Makes what was stored an object, in one turn of the event loop: of puts that race, one comes first. Same result as of put(). */
  async commit(
    key: string,
    pieces: readonly StoredBytes[],
    { ifNoneMatch, ifMatch }: S3Condition,
    etag = `"${++this.#number}"`,
  ): Promise<S3Object | undefined> {
    const current = this.#objects.get(key);
    const isRefused =
      (ifNoneMatch !== undefined && current) || (ifMatch !== undefined && ifMatch !== current?.etag);
    const sizeBytes = pieces.reduce((sum, piece) => sum + piece.sizeBytes, 0);
    const object = { key, pieces, sizeBytes, etag, modified: new Date() };
    if (!isRefused) this.#objects.set(key, object);
    await removeBytes(isRefused ? pieces : (current?.pieces ?? []));
    return isRefused ? undefined : object;
  }
}

export async function removeBytes(pieces: Iterable<StoredBytes>): Promise<void> {
  for (const { file } of pieces) await rm(file);
}

/** The bytes of an object from `start` up to and with `end`. */
export function readBytes({ pieces }: S3Object, start: number, end: number): Readable {
  const [first] = pieces;
  if (first && pieces.length === 1)
    return createReadStream(first.file, { start, end, highWaterMark: READ_BYTES });
  const read = async function* (): AsyncGenerator<Buffer> {
    let at = 0;
    for (const { file, sizeBytes } of pieces) {
      const range = { start: Math.max(0, start - at), end: Math.min(sizeBytes - 1, end - at) };
      at += sizeBytes;
      if (range.start <= range.end) yield* createReadStream(file, { ...range, highWaterMark: READ_BYTES });
    }
  };
  return Readable.from(read());
}
