import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { OnDemandFile, OnDemandFiles } from '../on-demand-files.ts';

/** Reads blobs as a kernel would that asks before every read, and does what the answering thread does. */
export class FakeKernel implements OnDemandFiles {
  readonly kind = 'fanotify';
  readonly served = new Map<number, OnDemandFile>();
  readonly whole = new Set<number>();
  readonly #reading = new Set<Promise<Buffer>>();
  #changed = Promise.withResolvers<void>();
  /** What serve() fails with. */
  failure: Error | undefined;
  /** Questions that could not be answered at once. */
  questions = 0;

  async serve(file: OnDemandFile): Promise<string> {
    if (this.failure) throw this.failure;
    this.served.set(file.number, file);
    return `/kernel/${file.number}`;
  }

  allServed(): void {}

  async setWhole(number: number, whole: boolean): Promise<void> {
    if (whole) this.whole.add(number);
    else this.whole.delete(number);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Resolves when there are no more questions about a file. */
  async untilWhole(number: number): Promise<void> {
    while (!this.whole.has(number)) await this.#changed.promise;
  }

  async forget(number: number): Promise<void> {
    this.served.delete(number);
    this.whole.delete(number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.served.clear();
  }

  /** Asks, and gives what the file has afterwards. */
  async read(number: number, offset: number, length: number): Promise<Buffer> {
    await this.ask(number, offset, length);
    const reading = this.readAllowed(number, offset, length);
    this.#reading.add(reading);
    return reading.finally(() => this.#reading.delete(reading));
  }

  /** Resolves when every read that was allowed before has ended. */
  async drained(): Promise<void> {
    await setImmediate();
    await Promise.allSettled(this.#reading);
  }

  async ask(number: number, offset: number, length: number, reader = ''): Promise<void> {
    const file = this.served.get(number);
    if (!file) throw new RangeError(`file ${number} is not served`);
    if (this.whole.has(number)) return;
    const { bits } = file;
    const end = Math.min(offset + length, file.sizeBytes);
    bits.touched.set(offset, end);
    for (const at of bits.markers.take(offset, end)) file.reached(at);
    if (bits.resident.hasAll(offset, end))
      return file.read({ offset, length: end - offset, reader, requests: 1 });
    this.questions++;
    await file.fill(offset, end - offset, reader);
  }

  /** What a reader sees that was allowed before. */
  async readAllowed(number: number, offset: number, length: number): Promise<Buffer> {
    const file = this.served.get(number);
    if (!file) throw new RangeError(`file ${number} is not served`);
    await using handle = await open(file.path, 'r');
    const bytes = Buffer.alloc(Math.min(length, file.sizeBytes - offset));
    await handle.read(bytes, 0, bytes.byteLength, offset);
    return bytes;
  }
}
