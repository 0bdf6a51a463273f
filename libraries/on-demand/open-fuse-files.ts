import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@lade/errors';
import { isMountPoint, mountFuse, unmount, waitReadable } from '@lade/linux';
import { AnsweringThread } from './answering-thread.ts';
import { formatName, nodeKey, toNode } from './fuse-nodes.ts';
import { INIT_FLAGS, MAX_READ_BYTES } from './fuse-protocol.ts';
import { Journal } from './journal.ts';
import type { OnDemandFile, OnDemandFiles } from './on-demand-files.ts';

export interface FuseFilesOptions {
  /** From `openFuseDevice`, by this process or an earlier one. Stays open. */
  readonly device: number;
  /** From `createJournal`, always the same for one device. Stays open. */
  readonly journal: number;
  /** An empty folder, where the files are mounted unless the device is mounted already. */
  readonly mountPoint: string;
  /**
   * Files that are whole when they are first served are read past this process where the kernel can (Linux 6.9); such a file
   * has to stay whole. On unless false.
   */
  readonly passthrough?: boolean;
  /** Nothing is answered any more: this process should exit and leave the questions to the next one. */
  readonly onFailed: (reason: unknown) => void;
  /** URL of a module whose export `onStep` (`OnStep`) is called at each step: for tests that stop a process there. */
  readonly onStep?: string;
}

/** Serves files over FUSE. Takes over the questions that an earlier process with the same device and journal has left. */
export async function openFuseFiles(options: FuseFilesOptions): Promise<OnDemandFiles> {
  const { device, mountPoint, journal, onFailed, onStep, passthrough = true } = options;
  if (waitReadable([device], 0)[0] === 'failed') await mountDevice(device, mountPoint);
  const thread = await AnsweringThread.start({
    kind: 'fuse',
    device,
    journal,
    passthrough,
    onFailed,
    onStep,
  });
  await stat(mountPoint); // waits until the kernel and the thread have agreed on the features
  return new FuseFiles(mountPoint, thread, { journal: new Journal(journal), passthrough });
}

/** A device that is mounted nowhere yet has failed, to poll(2). */
async function mountDevice(device: number, mountPoint: string): Promise<void> {
  if (await isMountPoint(mountPoint)) await unmount(mountPoint, { detach: true }); // of a connection that died
  await mountFuse(device, mountPoint, { name: 'lade', maxReadBytes: MAX_READ_BYTES });
}

class FuseFiles implements OnDemandFiles {
  readonly kind = 'fuse';
  readonly #mountPoint: string;
  readonly #thread: AnsweringThread;
  readonly #journal: Journal;
  readonly #passthrough: boolean;
  #areAllServed = false;
  readonly #names = new Map<number, string>();

  constructor(
    mountPoint: string,
    thread: AnsweringThread,
    { journal, passthrough }: { readonly journal: Journal; readonly passthrough: boolean },
  ) {
    this.#mountPoint = mountPoint;
    this.#thread = thread;
    this.#journal = journal;
    this.#passthrough = passthrough;
  }

  async serve(file: OnDemandFile): Promise<string> {
    const { number } = file;
    const served = this.#names.get(number);
    const name = served ?? formatName({ number, whole: this.#mayPassThrough(file) });
    if (served === undefined) {
      this.#thread.serve(
        file,
        [false, true].map((whole) => nodeKey(toNode({ number, whole }))),
      );
      this.#names.set(number, name);
    }
    return join(this.#mountPoint, name);
  }

  allServed(): void {
    this.#areAllServed = true;
    this.#thread.allServed();
  }

  async setWhole(number: number, whole: boolean): Promise<void> {
    if (!whole && this.#names.get(number) === formatName({ number, whole: true }))
      throw new CodedError(
        'failed_precondition',
        `Cannot drop blocks of file ${number}: it is read without us`,
      );
  }

  /** An answer carries the bytes, and blocks have to be resident after they were read. */
  async drained({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    await this.#thread.settled();
  }

  async forget(number: number): Promise<void> {
    if (this.#names.delete(number)) this.#thread.forget(number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }

  /** What was open already may have been opened so by an earlier process. */
  #mayPassThrough({ bits, sizeBytes }: OnDemandFile): boolean {
    if (!this.#passthrough && this.#areAllServed) return false;
    return (this.#journal.agreed & INIT_FLAGS.passthrough) !== 0n && bits.resident.hasAll(0, sizeBytes);
  }
}
