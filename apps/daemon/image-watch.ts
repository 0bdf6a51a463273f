import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@lade/log';
import type { ContainerdNode } from './containerd-node.ts';

const RETRY_MS = 10_000;
const TOPICS = ['/images/create', '/images/update'];

/** Tells whenever containerd's images may have changed: when it says so, and when it could not be heard for a while. */
export class ImageWatch implements AsyncDisposable {
  readonly #node: ContainerdNode;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #work: Promise<void>;

  constructor(node: ContainerdNode, log: Logger, changed: () => void) {
    this.#node = node;
    this.#log = log;
    this.#work = this.#listen(changed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  async #listen(changed: () => void): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const _ of this.#node.events(TOPICS, signal)) changed();
      } catch (reason) {
        if (!signal.aborted) this.#log.debug('containerd is not reachable', { error: reason });
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
      changed();
    }
  }
}
