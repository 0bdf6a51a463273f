import type { Readable } from 'node:stream';

/** What may wait for a slow consumer; several chunks of a connection, so that it need not be stopped and started for each. */
const MAX_WAITING_BYTES = 256 << 10;

/**
 * The chunks of a stream as they arrive: its own iterator copies together those that wait, and stops the connection after each of
 * them. The stream flows from now on; to destroy it is the caller's part.
 */
export class ArrivingChunks {
  readonly #stream: Readable;
  readonly #arrived: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Ends the wait of who has asked for the next one. */
  #wake: (() => void) | undefined;
  #isOver: boolean;

  constructor(stream: Readable) {
    this.#stream = stream;
    this.#isOver = stream.destroyed || stream.readableEnded;
    if (this.#isOver) return;
    const finish = (): void => this.#finish();
    stream.on('data', (chunk: Uint8Array) => this.#add(chunk));
    stream.on('end', finish).on('error', finish).on('close', finish);
  }

  /** Undefined after the last one, also where the stream was closed early. Rejects with what broke the stream. One call at a time. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#arrived.length === 0 && !this.#isOver) await this.#news();
    // Known before it is told; as of an aborted read, whose consumer wants no more of what waits.
    if (this.#stream.errored) throw this.#stream.errored;
    const chunk = this.#arrived.shift();
    if (!chunk) return undefined;
    this.#waitingBytes -= chunk.byteLength;
    if (this.#waitingBytes < MAX_WAITING_BYTES && this.#stream.isPaused()) this.#stream.resume();
    return chunk;
  }

  async #news(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  #add(chunk: Uint8Array): void {
    this.#arrived.push(chunk);
    this.#waitingBytes += chunk.byteLength;
    if (this.#waitingBytes >= MAX_WAITING_BYTES) this.#stream.pause();
    this.#wake?.();
  }

  #finish(): void {
    this.#isOver = true;
    this.#wake?.();
  }
}
