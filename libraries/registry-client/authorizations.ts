import { CodedError } from '@lade/errors';
import { SharedCalls } from '@lade/streams';
import { basicHeader } from './basic-header.ts';
import type { Challenge } from './challenge.ts';
import type { CredentialSource, RegistryCredentials } from './credentials.ts';
import { fetchToken } from './fetch-token.ts';
import type { Transport } from './transport.ts';

/** Whose door it is. */
export interface Door {
  readonly registry: string;
  readonly repository: string;
  readonly isSecure: boolean;
}

interface Known {
  readonly header: string;
  readonly expiresAt: number;
}

/** What opens repositories: fetched when a registry challenges, kept until it expires or is refused. */
export class Authorizations {
  readonly #transport: Transport;
  readonly #credentials: CredentialSource | undefined;
  readonly #known = new Map<string, Known>();
  readonly #calls = new SharedCalls<string | undefined>();

  constructor(transport: Transport, credentials: CredentialSource | undefined) {
    this.#transport = transport;
    this.#credentials = credentials;
  }

  /** The Authorization header that has opened it before, if it still holds. */
  find(door: Door): string | undefined {
    const known = this.#known.get(keyOf(door));
    return known && known.expiresAt > Date.now() ? known.header : undefined;
  }

  /** Answers the challenges to a request that was refused with `refused`. Undefined where there is nothing to answer with. */
  async answer(
    door: Door,
    challenges: readonly Challenge[],
    { refused, signal }: { readonly refused: string | undefined; readonly signal?: AbortSignal },
  ): Promise<string | undefined> {
    const current = this.find(door);
    if (current !== refused) return current;
    const work = async (shared: AbortSignal): Promise<string | undefined> => {
      const known = await this.#authorize(door, challenges, shared);
      if (known) this.#known.set(keyOf(door), known);
      else this.#known.delete(keyOf(door));
      return known?.header;
    };
    return this.#calls.run(keyOf(door), work, signal ? { signal } : {});
  }

  /** What to do about a door that stays shut. */
  cureFor(registry: string): string {
    return this.#credentials?.cureFor(registry) ?? `Name credentials for ${registry}`;
  }

  async #authorize(
    door: Door,
    challenges: readonly Challenge[],
    signal: AbortSignal,
  ): Promise<Known | undefined> {
    const credentials = await this.#credentials?.find(door.registry, { signal });
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer) return this.#fetchToken(door, bearer, { credentials, signal });
    const basic = challenges.find(({ scheme }) => scheme === 'basic');
    if (!basic || !credentials || 'identityToken' in credentials) return undefined;
    return { header: basicHeader(credentials), expiresAt: Infinity };
  }

  async #fetchToken(
    { registry, repository, isSecure }: Door,
    { parameters: { realm, service, scope = `repository:${repository}:pull` } }: Challenge,
    given: { readonly credentials: RegistryCredentials | undefined; readonly signal: AbortSignal },
  ): Promise<Known> {
    const attempted = `Cannot get a token for ${repository} in ${registry}`;
    const url = URL.parse(realm ?? '');
    if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
      throw new CodedError('failed_precondition', `${attempted}: it names no token server`);
    if (isSecure && url.protocol === 'http:' && given.credentials)
      throw new CodedError(
        'permission_denied',
        `${attempted}: credentials would go to ${url.host} unencrypted`,
      );
    const cure = this.cureFor(registry);
    const { token, expiresAt } = await fetchToken(this.#transport, {
      url,
      service,
      scopes: scope.split(' '),
      attempted,
      cure,
      ...given,
    });
    return { header: `Bearer ${token}`, expiresAt };
  }
}

function keyOf({ registry, repository, isSecure }: Door): string {
  return `${isSecure ? 'https' : 'http'}://${registry}/${repository}`;
}
