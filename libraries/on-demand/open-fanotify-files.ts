import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, isCodedError } from '@lade/errors';
import { bindMount, heedFile, ignoreFile, isMountPoint, makePrivate, watchMount } from '@lade/linux';
import { AnsweringThread } from './answering-thread.ts';
import { keyOf } from './fanotify-questions.ts';
import { Journal } from './journal.ts';
import type { OnDemandFile, OnDemandFiles } from './on-demand-files.ts';
import { reserveEventNumbers } from './reserve-event-numbers.ts';

/** The kernel does not tell when it has read what it was allowed to; nothing but the scheduler keeps it from that. */
const DRAIN_MS = 3_000;

export interface FanotifyFilesOptions {
  /** From `createFanotifyGroup`, by this process or an earlier one. Stays open. */
  readonly group: number;
  /**
   * From `createJournal`, always the same for one group. Stays open. Its slots bound how many readers wait at a time; each
   * has a descriptor here, so RLIMIT_NOFILE must be above 2048: without one the kernel denies the read.
   */
  readonly journal: number;
  /** All files are below `source`; whoever opens them below `mountPoint`, where it is mounted too, waits for what is missing. */
  readonly watched: { readonly source: string; readonly mountPoint: string };
  /** Nothing is answered any more: this process should exit and leave the questions to the next one. */
  readonly onFailed: (reason: unknown) => void;
  /** URL of a module whose export `onStep` (`OnStep`) is called at each step: for tests that stop a process there. */
  readonly onStep?: string;
}

/**
 * Serves files by fanotify pre-access events (Linux 6.14) on a bind mount. Takes over the questions that an earlier process
 * with the same group and journal has left. To be opened before this process has many other files open.
 */
export async function openFanotifyFiles(options: FanotifyFilesOptions): Promise<OnDemandFiles> {
  const { group, watched, onStep, ...rest } = options;
  await using stack = new AsyncDisposableStack();
  const { contested } = stack.use(reserveEventNumbers(new Journal(options.journal)));
  if (!(await isMountPoint(watched.mountPoint))) await bindMount(watched.source, watched.mountPoint);
  await makePrivate(watched.mountPoint);
  watchMount(group, watched.mountPoint);
  const start = {
    kind: 'fanotify',
    device: group,
    contested,
    journal: rest.journal,
    onFailed: rest.onFailed,
    onStep,
  } as const;
  const thread = stack.use(await AnsweringThread.start(start));
  return new FanotifyFiles(group, watched, thread, stack.move());
}

class FanotifyFiles implements OnDemandFiles {
  readonly kind = 'fanotify';
  readonly #group: number;
  readonly #watched: FanotifyFilesOptions['watched'];
  readonly #thread: AnsweringThread;
  readonly #resources: AsyncDisposableStack;
  readonly #paths = new Map<number, string>();

  constructor(
    group: number,
    watched: FanotifyFilesOptions['watched'],
    thread: AnsweringThread,
    resources: AsyncDisposableStack,
  ) {
    this.#group = group;
    this.#watched = watched;
    this.#thread = thread;
    this.#resources = resources;
  }

  async serve(file: OnDemandFile): Promise<string> {
    const { source, mountPoint } = this.#watched;
    const path = join(mountPoint, relative(source, file.path));
    if (!this.#paths.has(file.number)) {
      this.#thread.serve(file, [keyOf(await stat(file.path))]);
      this.#heed(path); // an earlier process may have taken it for whole
      this.#paths.set(file.number, path);
    }
    return path;
  }

  allServed(): void {
    this.#thread.allServed();
  }

  async setWhole(number: number, whole: boolean): Promise<void> {
    const path = this.#paths.get(number);
    if (path === undefined) throw new CodedError('not_found', `Cannot mark file ${number}: it is not served`);
    if (whole) ignoreFile(this.#group, path);
    else this.#heed(path);
  }

  async drained({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    await sleep(DRAIN_MS, undefined, { signal, ref: false });
  }

  async forget(number: number): Promise<void> {
    const path = this.#paths.get(number);
    if (path === undefined) return;
    this.#heed(path);
    this.#paths.delete(number);
    this.#thread.forget(number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  /** A mark that is not there, or whose file is gone, need not be taken away. */
  #heed(path: string): void {
    try {
      heedFile(this.#group, path);
    } catch (reason) {
      if (!isCodedError(reason, 'not_found')) throw reason;
    }
  }
}
