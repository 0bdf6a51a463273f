import { createHash } from 'node:crypto';
import { CodedError, isCodedError } from '@lade/errors';
import type { ByteSource } from '@lade/streams';
import type { ObjectInfo } from '../bucket.ts';
import { inParts, type Part } from './in-parts.ts';
import { PartBuffers } from './part-buffers.ts';
import { layOutParts, type PartLayout } from './part-layout.ts';
import type { OngoingUpload, PartStore } from './part-store.ts';
import { findResumable, isEtagOf } from './resumable-upload.ts';

export interface LargePut {
  /** Without the prefix, for messages. */
  readonly key: string;
  /** With it. */
  readonly storeKey: string;
  readonly sizeBytes: number;
  readonly signal: AbortSignal | undefined;
  /** The object as it is now; throws when the put's condition does not hold for it. */
  readonly look: () => Promise<ObjectInfo | undefined>;
}

const CLEAN_UP_MS = 5_000;
/** Failures after which the same put may succeed. */
const PASSING = [
  'unavailable',
  'deadline_exceeded',
  'resource_exhausted',
  'cancelled',
  'unauthenticated',
  'permission_denied',
];

/**
 * Uploads a large body part by part and returns the version. Where an upload of the same key was cut off, parts that are the same
 * by size and MD5 are not sent again. A failure that may pass, and the end of the process, leave the parts to the next
 * put; any other aborts the upload. Another put that goes on with the same upload at the same time brings the same bytes, or makes
 * one of the two fail with `aborted`.
 */
export async function putInParts(body: ByteSource, put: LargePut, store: PartStore): Promise<string> {
  const layout = layOutParts(put.sizeBytes, put.key);
  const buffers = new PartBuffers(layout.atOnce, layout.partBytes);
  await using upload = new PartedUpload(put, store, layout);
  for await (const part of inParts(body, layout.partBytes, buffers)) await upload.add(part);
  return await upload.complete();
}

/** The parts of one put on their way. */
class PartedUpload implements AsyncDisposable {
  readonly #put: LargePut;
  readonly #store: PartStore;
  readonly #layout: PartLayout;
  /** Aborted by the first request that fails, with its reason. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #etags: Promise<string>[] = [];
  readonly #objectHash = createHash('md5');
  #upload: OngoingUpload | undefined;
  #stored: ReadonlyMap<number, string> = new Map();
  /** Whether another put can find and trust what this one leaves. */
  #isResumable = false;
  /** Whether the upload is gone: another put has completed it, or somebody aborted it. */
  #isLost = false;
  #isDone = false;

  constructor(put: LargePut, store: PartStore, layout: PartLayout) {
    this.#put = put;
    this.#store = store;
    this.#layout = layout;
    this.#signal = put.signal ? AbortSignal.any([put.signal, this.#stop.signal]) : this.#stop.signal;
  }

  /** Sends a part in the background, the first one in the foreground: an upload that has parts has this one, by which it is known. */
  async add(part: Part): Promise<void> {
    this.#signal.throwIfAborted();
    this.#objectHash.update(part.md5);
    this.#upload ??= await this.#ask(this.#open(part));
    const sent = this.#send(this.#upload, part).finally(part.release);
    this.#etags.push(sent);
    // Its failure is that of the whole, which is told by the signal.
    sent.catch(() => {});
    if (part.number > 1) return;
    this.#isResumable &&= isEtagOf(await sent, part);
  }

  async complete(): Promise<string> {
    const etags = await Promise.all(this.#etags);
    if (!this.#isLost) {
      const completed = this.#store.complete(this.#upload as OngoingUpload, etags, this.#waiting);
      const version = await this.#ask(this.#orLost(completed));
      this.#isDone = !this.#isLost;
      if (this.#isDone) return version;
    }
    return this.#ask(this.#findCompleted());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDone) return;
    const { reason } = this.#stop.signal;
    this.#stop.abort();
    await Promise.allSettled(this.#etags);
    const mayPass =
      this.#put.signal?.aborted === true || (isCodedError(reason) && PASSING.includes(reason.code));
    if (!this.#upload || this.#isLost || (this.#isResumable && mayPass)) return;
    const options = { signal: AbortSignal.timeout(CLEAN_UP_MS) };
    await this.#store.abort(this.#upload, options).catch(() => {});
  }

  get #waiting(): { readonly signal: AbortSignal } {
    return { signal: this.#signal };
  }

  async #open(first: Part): Promise<OngoingUpload> {
    const found = await findResumable(this.#store, this.#put, { first, layout: this.#layout }, this.#signal);
    this.#isResumable = found !== 'unknown';
    if (typeof found === 'string') return this.#store.begin(this.#waiting);
    this.#stored = found.etags;
    return found.upload;
  }

  async #send(upload: OngoingUpload, part: Part): Promise<string> {
    const stored = this.#stored.get(part.number) ?? '';
    if (isEtagOf(stored, part)) return stored;
    if (this.#isLost) return '';
    return this.#ask(this.#orLost(this.#store.send(upload, part, this.#waiting)));
  }

  async #ask<T>(request: Promise<T>): Promise<T> {
    try {
      return await request;
    } catch (reason) {
      this.#stop.abort(reason);
      throw reason;
    }
  }

  /** '' where the upload is gone. The rest of the body is only read then, to know which object it would have been. */
  async #orLost(request: Promise<string>): Promise<string> {
    try {
      return await request;
    } catch (reason) {
      if (!isCodedError(reason) || reason.details['name'] !== 'NoSuchUpload') throw reason;
      this.#isLost = true;
      return '';
    }
  }

  /** Where an upload has disappeared, the object may be there: by another put of the same bytes, or by ours, whose answer was lost. */
  async #findCompleted(): Promise<string> {
    const { key, look } = this.#put;
    const expected = `${this.#objectHash.digest('hex')}-${this.#layout.count}`;
    const current = await look();
    if (current?.version === expected) return expected;
    throw new CodedError('aborted', `Cannot put ${key}: its upload is gone, another put or a rule ended it`);
  }
}
