import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { CodedError } from '@lade/errors';
import {
  decodeKeeperMessage,
  encodeMessage,
  readMessages,
  spawnKeeper,
  type DaemonMessage,
  type KeeperMessage,
} from '@lade/keeper';

/** Numbers of descriptors, by name. */
export type Descriptors = Readonly<Record<string, number>>;

/** What a keeper answers to `hello`. */
type Holding = Extract<KeeperMessage, { readonly kind: 'holding' }>;

/** One connection to a keeper, which answers each message in turn. */
export class KeeperSession implements Disposable {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #connection: Duplex;
  readonly #asked: PromiseWithResolvers<KeeperMessage>[] = [];

  private constructor(connection: Duplex) {
    this.#connection = connection;
    this.closed = this.#listen();
  }

  /**
   * Greets the keeper that listens, and waits while it has another daemon; or else starts one with what `descriptors`
   * gives. Throws `unavailable` when it goes meanwhile.
   *
   * `standing` is said in the same breath, so that a new keeper knows it even if this process dies right away.
   */
  static async open(
    socketPath: string,
    descriptors: () => Descriptors,
    options: { readonly signal?: AbortSignal; readonly standing?: DaemonMessage | undefined } = {},
  ): Promise<{ readonly session: KeeperSession; readonly holding: Holding }> {
    const { signal, standing } = options;
    const connection = (await dial(socketPath)) ?? (await spawnKeeper(socketPath, descriptors()));
    const session = new KeeperSession(connection);
    const giveUp = (): void => session[Symbol.dispose]();
    signal?.addEventListener('abort', giveUp);
    try {
      const [holding] = await Promise.all([
        session.ask({ kind: 'hello', pid: process.pid }),
        standing && session.ask(standing),
      ]);
      if (holding.kind === 'holding') return { session, holding };
      throw gone();
    } catch (reason) {
      session[Symbol.dispose]();
      signal?.throwIfAborted();
      throw reason;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** Throws `unavailable` when the connection ends instead. */
  async ask(message: DaemonMessage): Promise<KeeperMessage> {
    const asked = Promise.withResolvers<KeeperMessage>();
    this.#asked.push(asked);
    this.#connection.write(encodeMessage(message));
    await Promise.race([asked.promise, this.closed]);
    asked.reject(gone());
    return asked.promise;
  }

  [Symbol.dispose](): void {
    this.#connection.destroy();
  }

  async #listen(): Promise<void> {
    try {
      for await (const answer of readMessages(this.#connection, decodeKeeperMessage))
        this.#asked.shift()?.resolve(answer);
    } catch {
      // Whatever is wrong with this connection, another one is the cure.
    } finally {
      this.#connection.destroy();
    }
  }
}

/** Undefined when nobody listens. */
async function dial(socketPath: string): Promise<Duplex | undefined> {
  const connection = connect(socketPath);
  try {
    await once(connection, 'connect');
    return connection;
  } catch (reason) {
    if (['ENOENT', 'ECONNREFUSED'].includes((reason as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw reason;
  }
}

function gone(): CodedError {
  return new CodedError('unavailable', 'Cannot talk to the keeper: it has gone');
}
