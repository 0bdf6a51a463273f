import { randomBytes } from 'node:crypto';
import { CodedError } from '@lade/errors';
import type { TerminalSize } from './ports.ts';

const ID_BYTES = 24;
/** A client sends one after the other; who sends more at once is not held for long. */
const MAX_WAITING = 8;

/** Where the input of a process goes. */
export interface Input {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
}

export interface Session extends Disposable {
  /** Whoever knows it may write. */
  readonly id: string;
}

interface OpenSession {
  readonly input: Input;
  readonly closed: PromiseWithResolvers<never>;
  last: Promise<void>;
  waiting: number;
}

/** The processes that somebody is connected to. */
export class Sessions {
  readonly #open = new Map<string, OpenSession>();

  open(input: Input): Session {
    const id = randomBytes(ID_BYTES).toString('base64url');
    const closed = Promise.withResolvers<never>();
    closed.promise.catch(() => {});
    this.#open.set(id, { input, closed, last: Promise.resolve(), waiting: 0 });
    return {
      id,
      [Symbol.dispose]: () => {
        this.#open.delete(id);
        closed.reject(new CodedError('not_found', 'Cannot write to the process: it has ended'));
      },
    };
  }

  /** In the order of the calls; no bytes end the input. Resolves when the process can read them. Throws `not_found`. */
  async write(id: string, bytes: Uint8Array): Promise<void> {
    const session = this.#find(id);
    if (session.waiting >= MAX_WAITING) {
      throw new CodedError('resource_exhausted', 'Cannot write to the process: it does not read', {
        cure: 'Send the next bytes when the last ones have been taken',
      });
    }
    session.waiting++;
    const { input, closed } = session;
    const written = session.last.then(async () => (bytes.byteLength > 0 ? input.write(bytes) : input.end()));
    session.last = written.catch(() => {});
    try {
      await Promise.race([written, closed.promise]);
    } finally {
      session.waiting--;
    }
  }

  async resize(id: string, size: TerminalSize): Promise<void> {
    await this.#find(id).input.resize(size);
  }

  #find(id: string): OpenSession {
    const session = this.#open.get(id);
    if (session) return session;
    throw new CodedError(
      'not_found',
      'Cannot find the session: its process has ended, or its client has gone',
    );
  }
}
