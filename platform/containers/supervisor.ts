import { setTimeout as sleep } from 'node:timers/promises';
import { isCodedError } from '@lade/errors';
import type { Logger } from '@lade/log';
import { isToBeRemoved, labelsAtExit, OURS_FILTER } from './container-labels.ts';
import type { ContainerLogs } from './container-logs.ts';
import type { Containerd, TaskExit } from './ports.ts';
import { removeContainer } from './remove-container.ts';
import { unlessMissing } from './unless-missing.ts';

const RETRY_MS = 2_000;
const TRIM_MS = 5_000;

interface Parts {
  readonly containerd: Containerd;
  readonly logs: ContainerLogs;
  readonly log: Logger;
}

/**
 * Sees containers out that Lade has started: notes how each ended, ends its task, which has written all its output by then, and removes
 * it if that was wished. What ended while no daemon ran is found at the next start.
 */
export class Supervisor implements AsyncDisposable {
  readonly #parts: Parts;
  readonly #stop = new AbortController();
  readonly #watched = new Map<string, Promise<TaskExit>>();
  readonly #kept = new Set<Promise<unknown>>();
  readonly #work: Promise<unknown>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#work = Promise.all([this.#resume(new Date()), this.#trim()]);
  }

  /** Resolves when the task has ended and has been seen out. Rejects when the daemon stops before. */
  watch(namespace: string, id: string): Promise<TaskExit> {
    const key = `${namespace}/${id}`;
    const watched = this.#watched.get(key);
    if (watched) return watched;
    const exit = this.#seeOut(namespace, id).finally(() => this.#watched.delete(key));
    // Nobody may be waiting for it.
    exit.catch(() => {});
    this.#watched.set(key, exit);
    return exit;
  }

  /** Waits for what watch() does where it is under way. */
  async settled(namespace: string, id: string): Promise<void> {
    await this.#watched.get(`${namespace}/${id}`)?.catch(() => {});
  }

  /** Waits at its end for what follows a container to its end. */
  keep(work: Promise<unknown>): void {
    const kept = work
      .catch((error: unknown) => this.#parts.log.debug('container cannot be followed', { error }))
      .finally(() => this.#kept.delete(kept));
    this.#kept.add(kept);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([this.#work, ...this.#watched.values(), ...this.#kept]);
  }

  async #seeOut(namespace: string, id: string): Promise<TaskExit> {
    const { containerd, logs } = this.#parts;
    const { signal } = this.#stop;
    const { containers, tasks } = containerd.inNamespace(namespace);
    const exit = await this.#insist(async () => unlessMissing(tasks.wait(id, { signal })));
    return this.#insist(async () => {
      if (exit) await unlessMissing(containers.label(id, labelsAtExit(exit), { signal }));
      await unlessMissing(tasks.delete(id, { signal }));
      const container = await unlessMissing(containers.get(id, { signal }));
      if (container && isToBeRemoved(container))
        await removeContainer(id, { namespace, force: true }, { containerd, logs });
      return exit ?? { exitStatus: UNKNOWN_STATUS, exitedAt: new Date() };
    });
  }

  /** Containers that are older than this daemon. */
  async #resume(before: Date): Promise<void> {
    const { containerd } = this.#parts;
    const { signal } = this.#stop;
    await this.#insist(async () => {
      for (const namespace of await containerd.namespaces({ signal })) {
        const { containers, tasks } = containerd.inNamespace(namespace);
        const running = new Set((await tasks.list({ signal })).map(({ containerId }) => containerId));
        for (const container of await containers.list([OURS_FILTER], { signal })) {
          if (container.createdAt > before) continue;
          if (running.has(container.id) || isToBeRemoved(container)) void this.watch(namespace, container.id);
        }
      }
    }).catch(() => {});
  }

  /** Until the daemon stops: containerd may be away for a while. */
  async #insist<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = this.#stop;
    for (;;) {
      try {
        return await work();
      } catch (reason) {
        signal.throwIfAborted();
        this.#parts.log.debug('container cannot be seen out yet', { error: reason });
      }
      await sleep(RETRY_MS, undefined, { signal });
    }
  }

  async #trim(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      try {
        await sleep(TRIM_MS, undefined, { signal });
        await this.#parts.logs.trim();
      } catch (reason) {
        if (signal.aborted) return;
        if (!isCodedError(reason, 'not_found') && (reason as NodeJS.ErrnoException).code !== 'ENOENT')
          this.#parts.log.warn('logs of containers cannot be trimmed', { error: reason });
      }
    }
  }
}

/** As runc has it for a process of which nobody knows. */
const UNKNOWN_STATUS = 255;
