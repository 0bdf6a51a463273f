import type { Readable } from 'node:stream';

/** What may wait for a slow consumer; several chunks of a connection, so that it need not be stopped and started for each. */
const MAX_WAITING_BYTES = 256 << 10;

interface Waiter {
  readonly resolve: (chunk: Uint8Array | undefined) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * The chunks of a stream as they arrive: its own iterator copies together those that wait, and stops the connection after each of
 * them. The stream flows from now on; to destroy it is the caller's part.
 */
export class ArrivingChunks {
  readonly #stream: Readable;
  readonly #arrived: Uint8Array[] = [];
  #waitingBytes = 0;
  #waiter: Waiter | undefined;
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
    // Known before it is told; as of an aborted read, whose consumer wants no more of what waits.
    if (this.#stream.errored) throw this.#stream.errored;
    const chunk = this.#arrived.shift();
    if (!chunk) return this.#isOver ? undefined : this.#wait();
    this.#waitingBytes -= chunk.byteLength;
    if (this.#waitingBytes < MAX_WAITING_BYTES && this.#stream.isPaused()) this.#stream.resume();
    return chunk;
  }

  async #wait(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  #add(chunk: Uint8Array): void {
    if (this.#waiter) {
      this.#waiter.resolve(chunk);
      this.#waiter = undefined;
      return;
    }
    this.#arrived.push(chunk);
    this.#waitingBytes += chunk.byteLength;
    if (this.#waitingBytes >= MAX_WAITING_BYTES) this.#stream.pause();
  }

  #finish(): void {
    this.#isOver = true;
    const { errored } = this.#stream;
    if (errored) this.#waiter?.reject(errored);
    else this.#waiter?.resolve(undefined);
  }
}
