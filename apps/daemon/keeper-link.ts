import { closeSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCodedError, wrapError } from '@lade/errors';
import type { DaemonMessage } from '@lade/keeper';
import { copyDescriptors } from '@lade/linux';
import type { Logger } from '@lade/log';
import { KeeperSession, type Descriptors } from './keeper-session.ts';
import { ownCommand } from './own-command.ts';

const MAX_TRIES = 3;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;

export interface KeeperOptions {
  /** The folder that the keeper belongs to. This process holds its lock, so that there is one daemon and one keeper. */
  readonly root: string;
  /** Makes the descriptors, by name and close-on-exec, when no keeper holds any. */
  readonly create: () => Descriptors;
  readonly log: Logger;
}

/** What a keeper gave, or was given. */
interface Reached {
  readonly session: KeeperSession;
  readonly descriptors: Descriptors;
  readonly inherited: boolean;
  readonly restarts: number;
}

/**
 * A daemon's side of the keeper. Both have the same descriptors open and watch each other: when one dies, the other brings
 * it back. Only when both die at once is lost what they held.
 *
 * ```ts
 * await using keeper = await KeeperLink.connect({ root, create: () => ({ group: openGroup(), memory: openMemory() }), log });
 * const files = await openFiles(keeper.descriptors, { isSuccessor: keeper.inherited });
 * await keeper.serving({ restart: true }); // before anything depends on the descriptors
 * await stopSignal;
 * await (files.areUnused ? keeper.release() : keeper.bye());
 * ```
 *
 * A daemon that disposes of it with neither bye() nor release() counts as crashed, if it was serving.
 */
export class KeeperLink implements AsyncDisposable {
  /** For the caller, who closes them. */
  readonly descriptors: Descriptors;
  /** Whether they come from a daemon before this one; else they are fresh. */
  readonly inherited: boolean;
  /** How often the keeper has started a daemon that had crashed. */
  readonly restarts: number;
  readonly #options: KeeperOptions;
  /** For the next keeper. */
  readonly #own: Descriptors;
  readonly #held = new DisposableStack();
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  #session: Promise<KeeperSession>;
  /** What the next keeper has to know, too. */
  #standing: DaemonMessage | undefined;

  private constructor(options: KeeperOptions, { session, descriptors, inherited, restarts }: Reached) {
    this.#options = options;
    this.#own = descriptors;
    this.#held.defer(() => closeAll(descriptors));
    this.descriptors = copyAll(process.pid, descriptors);
    this.inherited = inherited;
    this.restarts = restarts;
    this.#session = Promise.resolve(session);
    this.#watching = this.#watch();
  }

  /** Finds the keeper of a root, or starts one. Waits while it has another daemon. */
  static async connect(
    options: KeeperOptions,
    wait: { readonly signal?: AbortSignal } = {},
  ): Promise<KeeperLink> {
    let fresh: Descriptors | undefined;
    const create = (): Descriptors => (fresh ??= options.create());
    for (let tries = 1; ; tries++) {
      try {
        const { session, holding } = await KeeperSession.open(socketPathIn(options.root), create, wait);
        using stack = new DisposableStack();
        stack.use(session);
        const descriptors = fresh ?? copyAll(holding.pid, holding.descriptors);
        const { restarts } = holding;
        const link = new KeeperLink(options, { session, descriptors, inherited: !fresh, restarts });
        stack.move();
        return link;
      } catch (reason) {
        if (tries < MAX_TRIES && hasGone(reason)) continue;
        if (fresh) closeAll(fresh);
        throw wrapError(reason, `Cannot reach the keeper of ${options.root}`);
      }
    }
  }

  /** From now on the daemon is started again when it crashes, with `restart` by the keeper. */
  async serving({ restart }: { readonly restart: boolean }): Promise<void> {
    await this.#say(restart ? { kind: 'serving', command: ownCommand() } : { kind: 'serving' });
  }

  /** This daemon stops as planned: the keeper holds on for the next one, however late, and those who read wait for it. */
  async bye(): Promise<void> {
    await this.#say({ kind: 'bye' });
  }

  /** Nothing depends on the descriptors any more: the keeper ends. */
  async release(): Promise<void> {
    this.#stop.abort();
    const session = await this.#session.catch(() => undefined);
    await session?.ask({ kind: 'release' }).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.inherited && !this.#standing) await this.release();
    this.#stop.abort();
    const session = await this.#session.catch(() => undefined);
    session?.[Symbol.dispose]();
    await this.#watching;
    this.#held.dispose();
  }

  /** Returns when a keeper has noted it, and also those that come after it will have. */
  async #say(message: DaemonMessage): Promise<void> {
    this.#standing = message;
    for (;;) {
      const session = await this.#session;
      try {
        await session.ask(message);
        return;
      } catch {
        this.#stop.signal.throwIfAborted();
      }
    }
  }

  async #watch(): Promise<void> {
    for (;;) {
      const session = await this.#session.catch(() => undefined);
      await session?.closed;
      if (this.#stop.signal.aborted) return;
      this.#options.log.warn('keeper has gone: starting another');
      this.#session = this.#replace();
    }
  }

  async #replace(): Promise<KeeperSession> {
    const { root, log } = this.#options;
    const socketPath = socketPathIn(root);
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, MAX_DELAY_MS)) {
      try {
        const standing = this.#standing;
        const { session, holding } = await KeeperSession.open(socketPath, () => this.#own, { standing });
        log.info('keeper has been replaced', { pid: holding.pid });
        return session;
      } catch (error) {
        log.error('cannot replace the keeper', { error });
      }
      await sleep(delayMs, undefined, { signal: this.#stop.signal });
    }
  }
}

function socketPathIn(root: string): string {
  return resolve(root, 'keeper.sock');
}

function copyAll(pid: number, descriptors: Descriptors): Descriptors {
  const copies = copyDescriptors(pid, Object.values(descriptors));
  return Object.fromEntries(Object.keys(descriptors).map((name, i) => [name, copies[i] ?? -1]));
}

function closeAll(descriptors: Descriptors): void {
  Object.values(descriptors).forEach((descriptor) => closeSync(descriptor));
}

/** The keeper was killed just when it was found. */
function hasGone(reason: unknown): boolean {
  return isCodedError(reason, 'unavailable') || (isCodedError(reason) && reason.details['errno'] === 'ESRCH');
}
