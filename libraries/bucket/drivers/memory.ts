import { alreadyExists, notFound, rangeEnd, versionChanged } from '../failures.ts';
import { exactly, promisedSize } from '../body-size.ts';
import { checkKey, compareKeys } from '../object-key.ts';
import type { Bucket, ObjectBody, ObjectInfo, PutOptions, RangeOptions, WaitOptions } from '../bucket.ts';
import type { ByteSource } from '@lade/streams';

const PIECE_BYTES = 256 << 10;

interface StoredObject extends ObjectInfo {
  readonly bytes: Uint8Array;
}

/** A bucket that lives and dies with the process: for tests, and for trying things out. */
export function openMemoryBucket(): Bucket {
  return new MemoryBucket();
}

class MemoryBucket implements Bucket {
  readonly location = 'memory:';
  readonly #objects = new Map<string, StoredObject>();
  #puts = 0;

  async put(
    key: string,
    body: Uint8Array | ByteSource,
    options: PutOptions = {},
  ): Promise<{ version: string }> {
    checkKey(key);
    const sizeBytes = promisedSize(body, options);
    this.#check(key, options);
    const chunks: Uint8Array[] = [];
    for await (const chunk of exactly(body, sizeBytes, key)) {
      options.signal?.throwIfAborted();
      chunks.push(Uint8Array.from(chunk));
    }
    options.signal?.throwIfAborted();
    this.#check(key, options);
    const version = String(++this.#puts);
    this.#objects.set(key, { key, sizeBytes, version, modifiedAt: new Date(), bytes: Buffer.concat(chunks) });
    return { version };
  }

  async get(key: string, options: RangeOptions = {}): Promise<ObjectBody> {
    options.signal?.throwIfAborted();
    const { sizeBytes, version, bytes } = this.#object(key);
    const range = bytes.subarray(options.offset ?? 0, rangeEnd(options, sizeBytes, key));
    return { sizeBytes, version, body: inPieces(range, options.signal) };
  }

  async head(key: string, options: WaitOptions = {}): Promise<ObjectInfo> {
    options.signal?.throwIfAborted();
    return infoOf(this.#object(key));
  }

  async *list(
    prefix: string,
    options: WaitOptions & { startAfter?: string } = {},
  ): AsyncGenerator<ObjectInfo> {
    for (const key of [...this.#objects.keys()].sort(compareKeys)) {
      options.signal?.throwIfAborted();
      const object = this.#objects.get(key);
      if (!object || !key.startsWith(prefix) || compareKeys(key, options.startAfter ?? '') <= 0) continue;
      yield infoOf(object);
    }
  }

  async delete(keys: readonly string[], options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    keys.forEach(checkKey);
    for (const key of keys) this.#objects.delete(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#objects.clear();
  }

  #object(key: string): StoredObject {
    checkKey(key);
    const object = this.#objects.get(key);
    if (!object) throw notFound(this.location, key);
    return object;
  }

  #check(key: string, { condition }: PutOptions): void {
    if (!condition) return;
    const current = this.#objects.get(key);
    if ('absent' in condition) {
      if (current) throw alreadyExists(this.location, key);
    } else if (current?.version !== condition.version) throw versionChanged(this.location, key);
  }
}

function infoOf({ key, sizeBytes, version, modifiedAt }: StoredObject): ObjectInfo {
  return { key, sizeBytes, version, modifiedAt };
}

async function* inPieces(bytes: Uint8Array, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
    signal?.throwIfAborted();
    yield Uint8Array.from(bytes.subarray(at, at + PIECE_BYTES));
  }
}
