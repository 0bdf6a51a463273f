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
} from '../../bucket.ts';
import { byteRange, rangeEnd } from '../../byte-range.ts';
import { checkCondition, conditionFailed } from '../../failures.ts';
import { checkKey } from '../../object-key.ts';
import { promisedBody, promisedSize } from '../../promised-body.ts';
import type { Traffic } from '../../traffic.ts';
import { AbandonedUploads } from '../abandoned-uploads.ts';
import { rangeHeader } from '../answered-range.ts';
import { versionIn } from '../endpoint-failures.ts';
import { objectBodyOf } from '../object-body.ts';
import type { PartStore } from '../part-store.ts';
import { putInParts } from '../put-in-parts.ts';
import {
  conditionHeaders,
  isConditionFailure,
  probeConditions,
  worthOf,
  type ConditionSupport,
} from './obs-conditions.ts';
import { deleteObjects } from './obs-deletion.ts';
import { fromFailure } from './obs-errors.ts';
import { listObjects } from './obs-list.ts';
import { openObsParts } from './obs-multipart.ts';
import { keepingHeaders, type ObsOptions } from './obs-options.ts';
import { ObsStore } from './obs-store.ts';

/** Bodies up to here are sent as one request, from memory, so that they can be sent again. */
const SINGLE_PUT_BYTES = 16 << 20;
const PROBE_MS = 60_000;

/** A bucket of Huawei Cloud OBS, or of a store that speaks its V2 or V4. Nothing is asked of it before the first operation. */
export function openObsBucket(options: ObsOptions): Bucket {
  return new ObsBucket(options);
}

class ObsBucket implements Bucket {
  readonly location: string;
  readonly #prefix: string;
  readonly #keeping: Readonly<Record<string, string>>;
  readonly #store: ObsStore;
  readonly #traffic: Traffic | undefined;
  readonly #abandoned: AbandonedUploads;
  #support: Promise<ConditionSupport> | undefined;

  constructor(options: ObsOptions) {
    this.#store = new ObsStore(options);
    this.#traffic = options.traffic;
    this.#prefix = options.prefix;
    this.#keeping = keepingHeaders(options);
    this.location = this.#store.location;
    const parts = this.#parts('', {}, async () => {});
    this.#abandoned = new AbandonedUploads(parts, options.prefix);
  }

  async put(
    key: string,
    body: Uint8Array | ByteSource,
    options: PutOptions = {},
  ): Promise<{ version: string }> {
    const target = this.#target(key);
    const sizeBytes = promisedSize(body, options);
    const source = promisedBody(body, key, sizeBytes, options.signal);
    const support = await this.#supportFor(options);
    const condition = conditionHeaders(options, support);
    const isLarge = sizeBytes > SINGLE_PUT_BYTES;
    // Where the store does not look itself, and where its refusal would come after a long body.
    if (options.condition && (support !== 'etag' || isLarge)) await this.#look(key, options);
    try {
      if (isLarge)
        return { version: await this.#putInParts(key, source, support, { ...options, sizeBytes }) };
      const question = { action: 'put', method: 'PUT', key: target } as const;
      const headers = { ...this.#keeping, ...condition };
      const whole = await collectBytes(source, sizeBytes);
      const { etag } = await this.#store.askHeaders({ ...question, headers, body: whole }, options);
      return { version: versionIn(etag, this.#store.attemptOf(question)) };
    } catch (reason) {
      if (options.condition && isConditionFailure(reason))
        throw conditionFailed(options.condition, this.location, key);
      throw reason;
    }
  }

  async get(key: string, options: RangeOptions = {}): Promise<ObjectBody> {
    const target = this.#target(key);
    const range = byteRange(options);
    if (range.length === 0) return this.#getNothing(key, options);
    const header = rangeHeader(range);
    const headers = header === undefined ? {} : { Range: header };
    try {
      const question = { action: 'read', method: 'GET', key: target, headers } as const;
      const answer = await this.#store.ask(question, options);
      const { signal } = options;
      const attempt = { action: 'read', key, location: this.location };
      const toFailure = (reason: unknown): CodedError => fromFailure(reason, attempt);
      return objectBodyOf(answer, range, { attempt, signal, toFailure, traffic: this.#traffic });
    } catch (reason) {
      // No range lies inside an object of 0 bytes.
      if (isCodedError(reason, 'out_of_range') && range.offset === 0) return this.#getNothing(key, options);
      throw reason;
    }
  }

  async head(key: string, options: WaitOptions = {}): Promise<ObjectInfo> {
    const question = { action: 'read', method: 'HEAD', key: this.#target(key) } as const;
    const headers = await this.#store.askHeaders(question, options);
    return {
      key,
      sizeBytes: Number(headers['content-length'] ?? 0),
      version: versionIn(headers.etag, this.#store.attemptOf(question)),
      modifiedAt: new Date(headers['last-modified'] ?? 0),
    };
  }

  list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    return listObjects(this.#store, this.#prefix, prefix, options);
  }

  async delete(keys: readonly string[], options: WaitOptions = {}): Promise<void> {
    const targets = keys.map((key) => this.#target(key));
    await deleteObjects(this.#store, targets, options);
  }

  async conditionalPuts(options: WaitOptions = {}): Promise<ConditionalPuts> {
    return worthOf(await this.#askSupport(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#abandoned[Symbol.asyncDispose]();
    this.#store[Symbol.dispose]();
  }

  #target(key: string): string {
    checkKey(key);
    return this.#prefix + key;
  }

  async #supportFor({ condition, signal }: PutOptions): Promise<ConditionSupport> {
    signal?.throwIfAborted();
    return condition ? this.#askSupport(signal ? { signal } : {}) : 'none';
  }

  /** For all who ask at the same time, so that no one's signal ends it for the others. */
  async #askSupport({ signal }: WaitOptions): Promise<ConditionSupport> {
    const patience = { signal: AbortSignal.timeout(PROBE_MS) };
    this.#support ??= probeConditions(this.#store, this.#prefix, patience).catch((reason: unknown) => {
      this.#support = undefined;
      throw reason;
    });
    return orAbort(this.#support, signal);
  }

  async #putInParts(
    key: string,
    body: ByteSource,
    support: ConditionSupport,
    options: PutOptions & { readonly sizeBytes: number },
  ): Promise<string> {
    const { sizeBytes, signal, condition } = options;
    const storeKey = this.#target(key);
    const look = async (): Promise<ObjectInfo | undefined> => this.#look(key, options);
    const beforeComplete = async (): Promise<void> => {
      if (condition && support !== 'etag') await look();
    };
    const parts = this.#parts(storeKey, conditionHeaders(options, support), beforeComplete);
    const version = await putInParts(body, { key, storeKey, sizeBytes, signal, look }, parts);
    this.#abandoned.sweep();
    return version;
  }

  #parts(
    key: string,
    condition: Readonly<Record<string, string>>,
    beforeComplete: () => Promise<void>,
  ): PartStore {
    return openObsParts({ store: this.#store, key, keeping: this.#keeping, condition, beforeComplete });
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
}
