import { Readable } from 'node:stream';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  paginateListObjectsV2,
  type GetObjectCommandOutput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { CodedError, isCodedError } from '@lade/errors';
import { collectBytes, type ByteSource } from '@lade/streams';
import { exactly, promisedSize } from '../body-size.ts';
import type { Bucket, ObjectBody, ObjectInfo, PutOptions, RangeOptions, WaitOptions } from '../bucket.ts';
import { alreadyExists, rangeEnd, versionChanged } from '../failures.ts';
import { checkKey } from '../object-key.ts';
import { fromS3Error } from './s3-errors.ts';
import { putInParts } from './s3-multipart.ts';

const DELETE_BATCH = 1000;
/** Bodies up to here are sent as one request, from memory, so that they can be sent again. */
const SINGLE_PUT_BYTES = 16 << 20;

export interface S3Options {
  readonly bucket: string;
  /** '' or a path that ends in a slash. */
  readonly prefix: string;
  readonly endpoint?: string;
  readonly region?: string;
  /** Name the bucket in the path instead of the host. */
  readonly pathStyle?: boolean;
  /** Without these, the SDK's default chain finds credentials. */
  readonly credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
}

/** A bucket of any S3 store. Nothing is asked of it before the first operation. */
export function openS3Bucket(options: S3Options): Bucket {
  return new S3Bucket(options, new S3Client(clientConfig(options)));
}

function clientConfig({ endpoint, region, pathStyle, credentials }: S3Options): S3ClientConfig {
  return {
    region: region ?? 'us-east-1',
    forcePathStyle: pathStyle ?? false,
    maxAttempts: 3,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 3_000,
      requestTimeout: 15_000,
      httpAgent: { maxSockets: 64 },
      httpsAgent: { maxSockets: 64 },
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

class S3Bucket implements Bucket {
  readonly location: string;
  readonly #options: S3Options;
  readonly #client: S3Client;
  #canPutConditionally = true;

  constructor(options: S3Options, client: S3Client) {
    this.#options = options;
    this.#client = client;
    this.location = `s3://${options.bucket}/${options.prefix}`;
  }

  async put(
    key: string,
    body: Uint8Array | ByteSource,
    options: PutOptions = {},
  ): Promise<{ version: string }> {
    const target = this.#target(key);
    const sizeBytes = promisedSize(body, options);
    try {
      const condition = await this.#conditionHeaders(key, options);
      const target_ = { ...target, ...condition };
      if (sizeBytes > SINGLE_PUT_BYTES)
        return await putInParts(this.#client, target_, exactly(body, sizeBytes, key), options);
      const bytes = await collectBytes(exactly(body, sizeBytes, key), sizeBytes);
      return await this.#putWhole(target_, bytes, options);
    } catch (reason) {
      options.signal?.throwIfAborted();
      if (this.#canPutConditionally && options.condition && isNotImplemented(reason)) {
        this.#canPutConditionally = false;
        if (body instanceof Uint8Array) return this.put(key, body, options);
      }
      throw this.#putFailure(reason, key, options);
    }
  }

  async get(key: string, options: RangeOptions = {}): Promise<ObjectBody> {
    const { offset = 0, length = Infinity } = options;
    if (length === 0) return this.#getNothing(key, options);
    const isWhole = offset === 0 && length === Infinity;
    const range = isWhole
      ? {}
      : { Range: `bytes=${offset}-${length === Infinity ? '' : offset + length - 1}` };
    try {
      const output = await this.#client.send(new GetObjectCommand({ ...this.#target(key), ...range }), abortOf(options));
      const { sizeBytes, bodyBytes } = sizesOf(output);
      const body = output.Body as Readable;
      return {
        sizeBytes,
        version: output.ETag ?? '',
        body: this.#read(body, bodyBytes, key, options.signal),
      };
    } catch (reason) {
      const error = this.#failure(reason, key, 'read', options);
      if (isCodedError(error, 'out_of_range') && offset === 0) return this.#getNothing(key, options);
      throw error;
    }
  }

  async head(key: string, options: WaitOptions = {}): Promise<ObjectInfo> {
    try {
      const output = await this.#client.send(new HeadObjectCommand(this.#target(key)), abortOf(options));
      return {
        key,
        sizeBytes: output.ContentLength ?? 0,
        version: output.ETag ?? '',
        modifiedAt: output.LastModified ?? new Date(0),
      };
    } catch (reason) {
      throw this.#failure(reason, key, 'read', options);
    }
  }

  async *list(
    prefix: string,
    options: WaitOptions & { startAfter?: string } = {},
  ): AsyncGenerator<ObjectInfo> {
    const { bucket, prefix: own } = this.#options;
    const query = {
      Bucket: bucket,
      Prefix: own + prefix,
      ...(options.startAfter ? { StartAfter: own + options.startAfter } : {}),
    };
    try {
      const pages = paginateListObjectsV2({ client: this.#client }, query, abortOf(options));
      for await (const { Contents = [] } of pages) {
        for (const { Key = '', Size = 0, ETag = '', LastModified = new Date(0) } of Contents) {
          yield { key: Key.slice(own.length), sizeBytes: Size, version: ETag, modifiedAt: LastModified };
        }
      }
    } catch (reason) {
      throw this.#failure(reason, prefix, 'list', options);
    }
  }

  async delete(keys: readonly string[], options: WaitOptions = {}): Promise<void> {
    const targets = keys.map((key) => ({ Key: this.#target(key).Key }));
    for (let at = 0; at < targets.length; at += DELETE_BATCH) {
      const Objects = targets.slice(at, at + DELETE_BATCH);
      const request = { Bucket: this.#options.bucket, Delete: { Objects, Quiet: true } };
      try {
        const { Errors = [] } = await this.#client.send(new DeleteObjectsCommand(request), abortOf(options));
        const [first] = Errors.filter(({ Code }) => Code !== 'NoSuchKey');
        if (first) throw Object.assign(new Error(first.Message), { name: first.Code });
      } catch (reason) {
        throw this.#failure(reason, keys[at] ?? '', 'delete', options);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
  }

  #target(key: string): { Bucket: string; Key: string } {
    checkKey(key);
    return { Bucket: this.#options.bucket, Key: this.#options.prefix + key };
  }

  async #putWhole(
    target: { Bucket: string; Key: string },
    bytes: Uint8Array,
    options: PutOptions,
  ): Promise<{ version: string }> {
    const command = new PutObjectCommand({ ...target, Body: bytes, ContentLength: bytes.byteLength });
    const { ETag = '' } = await this.#client.send(command, abortOf(options));
    return { version: ETag };
  }

  /** Where the store knows no conditions, looking first is the closest there is. */
  async #conditionHeaders(
    key: string,
    options: PutOptions,
  ): Promise<{ IfNoneMatch?: string; IfMatch?: string }> {
    const { condition } = options;
    if (!condition) return {};
    const headers = 'absent' in condition ? { IfNoneMatch: '*' } : { IfMatch: condition.version };
    if (this.#canPutConditionally && !('absent' in condition)) return headers;
    const current = await this.head(key, options).catch((reason: unknown) => {
      if (isCodedError(reason, 'not_found')) return undefined;
      throw reason;
    });
    if ('absent' in condition) {
      if (current) throw alreadyExists(this.location, key);
    } else if (current?.version !== condition.version) throw versionChanged(this.location, key);
    return this.#canPutConditionally ? headers : {};
  }

  async #getNothing(key: string, options: RangeOptions): Promise<ObjectBody> {
    const { sizeBytes, version } = await this.head(key, options);
    rangeEnd(options, sizeBytes, key);
    return { sizeBytes, version, body: Readable.from([]) };
  }

  async *#read(
    body: Readable,
    bodyBytes: number,
    key: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    let seen = 0;
    const stop = (): void => void body.destroy();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        seen += chunk.byteLength;
        yield chunk;
      }
    } catch (reason) {
      throw this.#failure(reason, key, 'read', signal ? { signal } : {});
    } finally {
      signal?.removeEventListener('abort', stop);
      body.destroy();
    }
    signal?.throwIfAborted();
    if (seen === bodyBytes) return;
    throw new CodedError(
      'unavailable',
      `Cannot read ${key} in ${this.location}: ${seen} of ${bodyBytes} bytes came`,
    );
  }

  #failure(reason: unknown, key: string, action: string, options: WaitOptions): unknown {
    options.signal?.throwIfAborted();
    return fromS3Error(reason, { action, key, location: this.location });
  }

  #putFailure(reason: unknown, key: string, options: PutOptions): unknown {
    const error = fromS3Error(reason, { action: 'put', key, location: this.location });
    if (!isCodedError(error, 'failed_precondition') || !options.condition) return error;
    return 'absent' in options.condition
      ? alreadyExists(this.location, key)
      : versionChanged(this.location, key);
  }
}

function abortOf({ signal }: WaitOptions): { abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}

function sizesOf({ ContentRange, ContentLength = 0 }: GetObjectCommandOutput): {
  sizeBytes: number;
  bodyBytes: number;
} {
  const total = /\/(\d+)$/.exec(ContentRange ?? '')?.[1];
  return { sizeBytes: total === undefined ? ContentLength : Number(total), bodyBytes: ContentLength };
}

function isNotImplemented(reason: unknown): boolean {
  return (reason as { name?: string }).name === 'NotImplemented';
}
