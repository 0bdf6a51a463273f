import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  removeBytes,
  type S3Condition,
  type S3Object,
  type S3Objects,
  type StoredBytes,
} from './s3-objects.ts';

export interface S3Upload {
  readonly id: string;
  readonly key: string;
  readonly begunAt: Date;
  /** By their numbers. */
  readonly parts: ReadonlyMap<number, S3Part>;
}

export interface S3Part extends StoredBytes {
  readonly number: number;
  /** MD5, in quotes. */
  readonly etag: string;
  readonly storedAt: Date;
}

/** Multipart uploads into the objects of one bucket. */
export class S3Uploads {
  readonly #objects: S3Objects;
  readonly #uploads = new Map<string, S3Upload & { readonly parts: Map<number, S3Part> }>();
  #begun = 0;

  constructor(objects: S3Objects) {
    this.#objects = objects;
  }

  get(id: string): S3Upload | undefined {
    return this.#uploads.get(id);
  }

  list(prefix: string): readonly S3Upload[] {
    return [...this.#uploads.values()].filter(({ key }) => key.startsWith(prefix));
  }

  begin(key: string): string {
    const id = `upload-${++this.#begun}`;
    this.#uploads.set(id, { id, key, begunAt: new Date(), parts: new Map() });
    return id;
  }

  /** The part's ETag; undefined where the upload has ended meanwhile. */
  async putPart(id: string, number: number, body: Readable): Promise<string | undefined> {
    const hash = createHash('md5');
    const hashed = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        hash.update(chunk);
        yield chunk;
      }
    };
    const stored = await this.#objects.store(Readable.from(hashed()));
    const upload = this.#uploads.get(id);
    const useless = upload ? upload.parts.get(number) : stored;
    const etag = `"${hash.digest('hex')}"`;
    upload?.parts.set(number, { ...stored, number, etag, storedAt: new Date() });
    if (useless) await removeBytes([useless]);
    return upload && etag;
  }

  /** Whether these are all parts of the upload, in order, as they are now. */
  isWhole(id: string, listed: readonly { readonly number: number; readonly etag: string }[]): boolean {
    const parts = this.get(id)?.parts;
    const isListed = ({ number, etag }: (typeof listed)[number]): boolean =>
      parts?.get(number)?.etag.replaceAll('"', '') === etag.replaceAll('"', '');
    const isAscending = listed.every(({ number }, i) => number > (listed[i - 1]?.number ?? 0));
    return isAscending && parts?.size === listed.length && listed.every(isListed);
  }

  /** Ends an upload; the object, or undefined where the condition does not hold. Its ETag is made as S3 and OBS make it. */
  async complete(id: string, condition: S3Condition): Promise<S3Object | undefined> {
    const { key = '', parts = new Map<number, S3Part>() } = this.#uploads.get(id) ?? {};
    this.#uploads.delete(id);
    const ordered = [...parts.values()].sort((a, b) => a.number - b.number);
    const hash = createHash('md5');
    for (const { etag } of ordered) hash.update(etag.replaceAll('"', ''), 'hex');
    return this.#objects.commit(key, ordered, condition, `"${hash.digest('hex')}-${ordered.length}"`);
  }

  async abort(id: string): Promise<void> {
    const parts = this.#uploads.get(id)?.parts.values() ?? [];
    this.#uploads.delete(id);
    await removeBytes(parts);
  }
}
