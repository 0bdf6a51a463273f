import type { IncomingMessage } from 'node:http';
import { isCodedError } from '@lade/errors';
import type { Authorizations, Door } from './authorizations.ts';
import { parseChallenges } from './challenge.ts';
import { isLostConnection, refusal, unreachable } from './failures.ts';
import { MAX_ATTEMPTS, pause, waitFor, waitMs } from './patience.ts';
import type { Transport } from './transport.ts';

export interface RepositoryRequest {
  readonly method: 'GET' | 'HEAD';
  /** Below the repository: "manifests/latest". */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For errors: "Cannot read …". */
  readonly attempted: string;
  readonly signal?: AbortSignal;
}

/** Asks for what is in one repository: with what opens it, and again while the registry is busy. */
export class RepositoryRequests {
  readonly #door: Door;
  readonly #transport: Transport;
  readonly #authorizations: Authorizations;

  constructor(door: Door, transport: Transport, authorizations: Authorizations) {
    this.#door = door;
    this.#transport = transport;
    this.#authorizations = authorizations;
  }

  /** Resolves with an answer that is a success, whose body the caller reads or drops. All else is thrown. */
  async send(request: RepositoryRequest): Promise<IncomingMessage> {
    const { attempted, signal } = request;
    for (let attempt = 1; ; attempt++) {
      let response: IncomingMessage;
      try {
        response = await this.#sendAuthorized(request);
      } catch (reason) {
        signal?.throwIfAborted();
        if (!isLostConnection(reason) || attempt === MAX_ATTEMPTS)
          throw unreachable(reason, isCodedError(reason) ? attempted : this.#reaching());
        await pause(waitMs(attempt), signal);
        continue;
      }
      const { statusCode = 0 } = response;
      if (statusCode >= 200 && statusCode < 300) return response;
      const wait = waitFor(response, attempt);
      if (wait === undefined)
        throw await refusal(response, attempted, this.#authorizations.cureFor(this.#door.registry));
      response.resume();
      await pause(wait, signal);
    }
  }

  #reaching(): string {
    const { registry, repository } = this.#door;
    return `Cannot reach registry ${registry} for ${repository}`;
  }

  async #sendAuthorized(request: RepositoryRequest): Promise<IncomingMessage> {
    const used = this.#authorizations.find(this.#door);
    const response = await this.#sendWith(used, request);
    const challenges = parseChallenges(response.headers['www-authenticate'] ?? '');
    if (response.statusCode !== 401 || challenges.length === 0) return response;
    const header = await this.#authorizations.answer(this.#door, challenges, {
      refused: used,
      ...(request.signal ? { signal: request.signal } : {}),
    });
    if (header === undefined || header === used) return response;
    response.resume();
    return this.#sendWith(header, request);
  }

  async #sendWith(
    authorization: string | undefined,
    { method, path, headers, signal }: RepositoryRequest,
  ): Promise<IncomingMessage> {
    return this.#transport.send({
      method,
      url: new URL(path, urlOf(this.#door)),
      headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
      ...(signal ? { signal } : {}),
    });
  }
}

function urlOf({ registry, repository, isSecure }: Door): string {
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  return `${isSecure ? 'https' : 'http'}://${host}/v2/${repository}/`;
}
