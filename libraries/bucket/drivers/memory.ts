import { collectBytes, type ByteSource } from '@lade/streams';
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
    options.signal?.throwIfAborted();
    const sizeBytes = promisedSize(body, options);
    this.#check(key, options);
    const bytes = new Uint8Array(
      await collectBytes(promisedBody(body, key, sizeBytes, options.signal), sizeBytes),
    );
    this.#check(key, options);
    const version = String(++this.#puts);
    this.#objects.set(key, { key, sizeBytes, version, modifiedAt: new Date(), bytes });
    return { version };
  }

  async get(key: string, options: RangeOptions = {}): Promise<ObjectBody> {
    const range = byteRange(options);
    options.signal?.throwIfAborted();
    const { sizeBytes, version, bytes } = this.#object(key);
    const wanted = bytes.subarray(range.offset, rangeEnd(range, sizeBytes, key));
    return { sizeBytes, version, body: inPieces(wanted, options.signal) };
  }

  async head(key: string, options: WaitOptions = {}): Promise<ObjectInfo> {
    options.signal?.throwIfAborted();
    return infoOf(this.#object(key));
  }

  async *list(prefix: string, { startAfter = '', signal }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    signal?.throwIfAborted();
    for (const key of [...this.#objects.keys()].sort(compareKeys)) {
      signal?.throwIfAborted();
      const object = this.#objects.get(key);
      if (object && key.startsWith(prefix) && compareKeys(key, startAfter) > 0) yield infoOf(object);
    }
  }

  async delete(keys: readonly string[], options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    keys.forEach(checkKey);
    for (const key of keys) this.#objects.delete(key);
  }

  async conditionalPuts(): Promise<ConditionalPuts> {
    return 'atomic';
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

  #check(key: string, options: PutOptions): void {
    checkCondition(options, this.#objects.get(key)?.version, this.location, key);
  }
}

function infoOf({ key, sizeBytes, version, modifiedAt }: StoredObject): ObjectInfo {
  return { key, sizeBytes, version, modifiedAt };
}

async function* inPieces(bytes: Uint8Array, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
    signal?.throwIfAborted();
    yield new Uint8Array(bytes.subarray(at, at + PIECE_BYTES));
  }
}
