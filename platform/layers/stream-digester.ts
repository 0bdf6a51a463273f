import { Worker } from 'node:worker_threads';
import { CodedError } from '@lade/errors';
import { Digester, type Digest } from '@lade/oci';

/** A stream that stays below is not worth a thread. */
const THREAD_FROM_BYTES = 8 << 20;
/** Bytes that may wait for the thread. */
const MAX_WAITING_BYTES = 16 << 20;

/** Digest of a stream, computed on a thread of its own once the stream turns out to be long. */
export class StreamDigester implements AsyncDisposable {
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;
  #thread: DigestThread | undefined;

  /** Takes `bytes` over, and the buffer beneath once all of it was given: nobody may touch them afterwards. */
  async update(bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength === 0) return;
    const last = this.#held.at(-1);
    const joined = last && join(last, bytes);
    if (joined) this.#held[this.#held.length - 1] = joined;
    else this.#held.push(bytes);
    this.#heldBytes += bytes.byteLength;
    if (this.#heldBytes >= THREAD_FROM_BYTES) this.#thread ??= new DigestThread();
    if (this.#thread) await this.#send(this.#thread);
  }

  /** Throws what the thread failed with. */
  async finish(): Promise<Digest> {
    if (this.#thread) {
      for (const bytes of this.#held.splice(0)) await this.#thread.send(bytes);
      return this.#thread.finish();
    }
    const digester = new Digester();
    for (const bytes of this.#held.splice(0)) digester.update(bytes);
    return digester.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.[Symbol.asyncDispose]();
  }

  /** Everything but a last view that more of its buffer may follow. */
  async #send(thread: DigestThread): Promise<void> {
    const last = this.#held.at(-1);
    const isComplete = last === undefined || reachesEnd(last);
    for (const bytes of this.#held.splice(0, this.#held.length - (isComplete ? 0 : 1)))
      await thread.send(bytes);
  }
}

class DigestThread implements AsyncDisposable {
  readonly #worker = new Worker(new URL('digest-thread.mjs', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 },
  });
  readonly #digest = Promise.withResolvers<Digest>();
  #waitingBytes = 0;
  #wake: (() => void) | undefined;

  constructor() {
    this.#digest.promise.catch(() => {});
    this.#worker.on('message', (answer: number | string) => {
      if (typeof answer === 'string') this.#digest.resolve(`sha256:${answer}`);
      else this.#waitingBytes -= answer;
      this.#wake?.();
    });
    this.#worker.once('error', (reason) => this.#fail(reason));
    this.#worker.once('exit', () => this.#fail(new CodedError('cancelled', 'Cannot digest: ended')));
  }

  async send(bytes: Uint8Array): Promise<void> {
    while (this.#waitingBytes >= MAX_WAITING_BYTES)
      await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#waitingBytes += bytes.byteLength;
    const isWhole = bytes.byteOffset === 0 && reachesEnd(bytes);
    const sent = isWhole ? bytes : new Uint8Array(bytes);
    this.#worker.postMessage(sent, [sent.buffer as ArrayBuffer]);
  }

  async finish(): Promise<Digest> {
    this.#worker.postMessage(null);
    return this.#digest.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  /** Whoever waits goes on, and finish() throws; too late for a digest that is there. */
  #fail(reason: unknown): void {
    this.#digest.reject(reason);
    this.#waitingBytes = 0;
    this.#wake?.();
  }
}

/** One view of two that follow each other in one buffer. */
function join(first: Uint8Array, second: Uint8Array): Uint8Array | undefined {
  if (first.buffer !== second.buffer || first.byteOffset + first.byteLength !== second.byteOffset)
    return undefined;
  return new Uint8Array(first.buffer, first.byteOffset, first.byteLength + second.byteLength);
}

function reachesEnd(bytes: Uint8Array): boolean {
  return bytes.byteOffset + bytes.byteLength === bytes.buffer.byteLength;
}
