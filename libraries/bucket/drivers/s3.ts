import {
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { isCodedError, type CodedError } from '@lade/errors';
import { collectBytes, fromBytes, orAbort, type ByteSource } from '@lade/streams';
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
import { checkCondition, conditionFailed } from '../failures.ts';
import { checkKey, compareKeys } from '../object-key.ts';
import { promisedBody, promisedSize } from '../promised-body.ts';
import { AbandonedUploads } from './abandoned-uploads.ts';
import { rangeHeader, versionOf } from './answered-range.ts';
import { noStore, versionIn, type Attempt } from './endpoint-failures.ts';
import { objectBodyOf } from './object-body.ts';
import type { PartStore } from './part-store.ts';
import { putInParts } from './put-in-parts.ts';
import { createS3Client, type S3Options } from './s3-client.ts';
import { conditionHeaders, isConditionFailure, probeConditions } from './s3-conditions.ts';
import { retryDamaged } from './s3-damage.ts';
import { createDeletion, type Deletion } from './s3-deletion.ts';
import { fromS3Error } from './s3-errors.ts';
import { keepingOf } from './s3-keeping.ts';
import { openS3Parts } from './s3-multipart.ts';
import { S3Reader } from './s3-reader.ts';

/** Bodies up to here are sent as one request, from memory, so that they can be sent again. */
const SINGLE_PUT_BYTES = 16 << 20;

/** A bucket of any S3 store. Nothing is asked of it before the first operation. */
export function openS3Bucket(options: S3Options): Bucket {
  const client = createS3Client(options);
  retryDamaged(client);
  return new S3Bucket(options, client);
}

class S3Bucket implements Bucket {
  readonly location: string;
  readonly #options: S3Options;
  readonly #client: S3Client;
  readonly #delete: ReturnType<typeof createDeletion>;
  readonly #reader: S3Reader;
  readonly #abandoned: AbandonedUploads;
  #conditionalPuts: Promise<ConditionalPuts> | undefined;

  constructor(options: S3Options, client: S3Client) {
    this.#options = options;
    this.#client = client;
    this.#reader = new S3Reader(client, options);
    this.location = `s3://${options.bucket}/${options.prefix}`;
    const { bucket, prefix } = options;
    const ask: Deletion['ask'] = async (request, key, wait) => this.#ask(request, 'delete', key, wait);
    this.#delete = createDeletion({ client, bucket, prefix, location: this.location, ask });
    this.#abandoned = new AbandonedUploads(this.#parts(options.prefix, {}), options.prefix);
  }

  async put(
    key: string,
    body: Uint8Array | ByteSource,
    options: PutOptions = {},
  ): Promise<{ version: string }> {
    // Requests that know nothing of it leave out how the object is to be kept.
    const target = { ...this.#target(key), ...keepingOf(this.#options) };
    const sizeBytes = promisedSize(body, options);
    const source = promisedBody(body, key, sizeBytes, options.signal);
    const condition = await this.#condition(key, sizeBytes, options);
    try {
      if (sizeBytes > SINGLE_PUT_BYTES)
        return { version: await this.#putInParts(key, source, condition, { ...options, sizeBytes }) };
      const Body = await collectBytes(source, sizeBytes);
      const command = new PutObjectCommand({ ...target, ...condition, Body, ContentLength: sizeBytes });
      const { ETag } = await this.#ask(this.#client.send(command, abortOf(options)), 'put', key, options);
      return { version: versionIn(ETag, this.#attempt('put', key)) };
    } catch (reason) {
      const { cause } = reason as Error;
      throw options.condition && cause !== undefined && isConditionFailure(cause)
        ? conditionFailed(options.condition, this.location, key)
        : reason;
    }
  }

  async get(key: string, options: RangeOptions = {}): Promise<ObjectBody> {
    const target = this.#target(key);
    const range = byteRange(options);
    if (range.length === 0) return this.#getNothing(key, options);
    const { signal } = options;
    const attempt = this.#attempt('read', key);
    const toFailure = (reason: unknown): CodedError => fromS3Error(reason, attempt);
    try {
      const answer = await this.#reader.get(target.Key, rangeHeader(range), { toFailure, signal });
      return objectBodyOf(answer, range, { attempt, signal, toFailure, traffic: this.#options.traffic });
    } catch (reason) {
      // No range lies inside an object of 0 bytes.
      if (isCodedError(reason, 'out_of_range') && range.offset === 0) return this.#getNothing(key, options);
      throw reason;
    }
  }

  async head(key: string, options: WaitOptions = {}): Promise<ObjectInfo> {
    const command = new HeadObjectCommand(this.#target(key));
    const request = this.#client.send(command, abortOf(options));
    const { ContentLength, ETag, LastModified } = await this.#ask(request, 'read', key, {
      ...options,
      isHead: true,
    });
    return {
      key,
      sizeBytes: ContentLength ?? 0,
      version: versionIn(ETag, this.#attempt('read', key)),
      modifiedAt: LastModified ?? new Date(0),
    };
  }

  /** Some stores know start-after only if such a key exists, or start again where a key was deleted: hence the comparison. */
  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const { bucket: Bucket, prefix: own } = this.#options;
    let last = options.startAfter ?? '';
    const query = { Bucket, Prefix: own + prefix, ...(last === '' ? {} : { StartAfter: own + last }) };
    const pages = paginateListObjectsV2({ client: this.#client }, query, abortOf(options));
    for (;;) {
      const page = await this.#ask(pages.next(), 'list', `${prefix}*`, options);
      if (page.done) return;
      if (isNoList(page.value)) throw noStore(this.#attempt('list', `${prefix}*`), 'the answer is no list');
      for (const { Key = '', Size = 0, ETag, LastModified = new Date(0) } of page.value.Contents ?? []) {
        options.signal?.throwIfAborted();
        const key = Key.slice(own.length);
        if (compareKeys(key, last) <= 0) continue;
        last = key;
        yield { key, sizeBytes: Size, version: versionOf(ETag), modifiedAt: LastModified };
      }
    }
  }

  async delete(keys: readonly string[], options: WaitOptions = {}): Promise<void> {
    for (const key of keys) checkKey(key);
    await this.#delete(keys, options);
  }

  async conditionalPuts(options: WaitOptions = {}): Promise<ConditionalPuts> {
    this.#conditionalPuts ??= probeConditions(this.#client, this.#options).catch((reason: unknown) => {
      this.#conditionalPuts = undefined;
      throw reason;
    });
    const asked = orAbort(this.#conditionalPuts, options.signal);
    return this.#ask(asked, 'try conditional puts of', 'probe/*', options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#abandoned[Symbol.asyncDispose]();
    this.#reader[Symbol.dispose]();
    this.#client.destroy();
  }

  #target(key: string): { Bucket: string; Key: string } {
    checkKey(key);
    return { Bucket: this.#options.bucket, Key: this.#options.prefix + key };
  }

  async #putInParts(
    key: string,
    body: ByteSource,
    condition: ReturnType<typeof conditionHeaders>,
    options: PutOptions & { readonly sizeBytes: number },
  ): Promise<string> {
    const { sizeBytes, signal } = options;
    const { Key: storeKey } = this.#target(key);
    const put = { key, storeKey, sizeBytes, signal, look: async () => this.#look(key, options) };
    const version = await putInParts(body, put, this.#parts(storeKey, condition));
    this.#abandoned.sweep();
    return version;
  }

  #parts(storeKey: string, condition: ReturnType<typeof conditionHeaders>): PartStore {
    const { bucket, prefix } = this.#options;
    const key = storeKey.slice(prefix.length);
    return openS3Parts({
      client: this.#client,
      bucket,
      key: storeKey,
      keeping: keepingOf(this.#options),
      condition,
      ask: async (request, options) => this.#ask(request, 'put', key, options),
    });
  }

  /** Looks first where the store knows no conditions, and where a refusal would come after a long body. */
  async #condition(
    key: string,
    sizeBytes: number,
    options: PutOptions,
  ): Promise<ReturnType<typeof conditionHeaders>> {
    options.signal?.throwIfAborted();
    if (!options.condition) return {};
    const isAtomic = (await this.conditionalPuts(options)) === 'atomic';
    if (!isAtomic || sizeBytes > SINGLE_PUT_BYTES) await this.#look(key, options);
    return isAtomic ? conditionHeaders(options) : {};
  }

  /** The object as it is now. Throws unless it satisfies the condition. */
  async #look(key: string, options: PutOptions): Promise<ObjectInfo | undefined> {
    const current = await this.head(key, options).catch((reason: unknown) => {
      if (!isCodedError(reason, 'not_found')) throw reason;
      return undefined;
    });
    checkCondition(options, current?.version, this.location, key);
    return current;
  }

  async #getNothing(key: string, options: RangeOptions): Promise<ObjectBody> {
    const { sizeBytes, version } = await this.head(key, options);
    rangeEnd(byteRange(options), sizeBytes, key);
    return { sizeBytes, version, body: fromBytes() };
  }

  #attempt(action: string, key: string): Attempt {
    return { action, key, location: this.location };
  }

  /** Gives the failure of a request its class, the key and the bucket; an abort comes first. */
  async #ask<T>(
    request: Promise<T>,
    action: string,
    key: string,
    { signal, isHead = false }: WaitOptions & { readonly isHead?: boolean },
  ): Promise<T> {
    try {
      return await request;
    } catch (reason) {
      signal?.throwIfAborted();
      throw fromS3Error(reason, { ...this.#attempt(action, key), isHead });
    }
  }
}

function abortOf({ signal }: WaitOptions): { abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}

/** Every store says at least one of them, of an empty list too. */
function isNoList({ Name, Contents, IsTruncated, KeyCount }: ListObjectsV2CommandOutput): boolean {
  return (Name ?? Contents ?? IsTruncated ?? KeyCount) === undefined;
}
