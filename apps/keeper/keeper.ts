import type { Duplex } from 'node:stream';
import { CodedError } from '@lade/errors';
import type { Logger } from '@lade/log';
import {
  decodeDaemonMessage,
  encodeMessage,
  readMessages,
  type Command,
  type DaemonMessage,
  type KeeperMessage,
} from './messages.ts';
import { isStuckInDeath, processStart } from './process-start.ts';
import { Revival } from './revival.ts';

/** A daemon that is stuck in its death does not end its connection. */
const LOOK_MS = 250;

export interface KeeperOptions {
  /** Numbers of the descriptors that this process holds, by name. */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Of daemons that are started again. */
  readonly oomScore: string;
  readonly log: Logger;
  /** Called when a daemon has said that nothing depends on the descriptors any more; not expected to return. */
  readonly released: () => void;
  /** Called when a daemon cannot end because of a question that it had to answer itself. */
  readonly stuck: () => void;
}

/** The daemon that is connected. */
interface Daemon {
  readonly pid: number;
  readonly start: string | undefined;
  readonly connectedMs: number;
  readonly looking: NodeJS.Timeout;
  readonly left: PromiseWithResolvers<void>;
}

/** Tells one daemon at a time what is held here, and starts it again when its connection ends without a word. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #revival: Revival;
  #daemon: Daemon | undefined;
  /** How to bring back a daemon that leaves now. */
  #command: Command | undefined;
  #hasServed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#revival = new Revival(options);
  }

  /** Whether something may depend on the descriptors. */
  get isNeeded(): boolean {
    return this.#daemon !== undefined || this.#hasServed;
  }

  /** Talks to whoever has connected until one of both ends it. Who says what no daemon says is dropped. */
  async serve(connection: Duplex): Promise<void> {
    let daemon: Daemon | undefined;
    try {
      for await (const message of readMessages(connection, decodeDaemonMessage)) {
        if (daemon) connection.write(encodeMessage(this.#answer(message)));
        else {
          daemon = await this.#admit(message);
          connection.write(encodeMessage(this.#holding()));
        }
      }
    } catch (error) {
      this.#options.log.warn('connection dropped', { error });
    } finally {
      connection.destroy();
      if (daemon) this.#leave(daemon);
    }
  }

  /** Who comes while there is another daemon waits for its end. */
  async #admit(message: DaemonMessage): Promise<Daemon> {
    if (message.kind !== 'hello') throw outOfTurn(message);
    while (this.#daemon !== undefined) await this.#daemon.left.promise;
    const { pid } = message;
    const [start, left] = [processStart(pid), Promise.withResolvers<void>()];
    const looking = setInterval(() => this.#look(pid), LOOK_MS).unref();
    this.#daemon = { pid, start, connectedMs: performance.now(), looking, left };
    this.#revival.end();
    return this.#daemon;
  }

  #holding(): KeeperMessage {
    const { descriptors } = this.#options;
    return { kind: 'holding', pid: process.pid, descriptors, restarts: this.#revival.restarts };
  }

  #answer(message: DaemonMessage): KeeperMessage {
    switch (message.kind) {
      case 'hello':
        throw outOfTurn(message);
      case 'serving':
        this.#hasServed = true;
        this.#command = message.command;
        break;
      case 'bye':
        this.#command = undefined;
        break;
      case 'release':
        this.#options.released();
    }
    return { kind: 'noted' };
  }

  #look(pid: number): void {
    if (!isStuckInDeath(pid)) return;
    this.#options.log.warn('daemon cannot end: what it asked itself is refused', { pid });
    this.#options.stuck();
  }

  #leave({ pid, start, connectedMs, looking, left }: Daemon): void {
    clearInterval(looking);
    this.#daemon = undefined;
    left.resolve();
    if (this.#command === undefined) return;
    const isEnding = (): boolean => start !== undefined && processStart(pid) === start;
    this.#revival.begin(this.#command, performance.now() - connectedMs, isEnding);
  }
}

function outOfTurn({ kind }: DaemonMessage): CodedError {
  return new CodedError('invalid_argument', `Cannot talk to a daemon: ${kind} out of turn`);
}
