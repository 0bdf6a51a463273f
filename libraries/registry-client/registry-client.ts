import type { Reference } from '@lade/oci';
import { Authorizations } from './authorizations.ts';
import type { CredentialSource } from './credentials.ts';
import { isLoopback } from './is-loopback.ts';
import { Repository } from './repository.ts';
import { RepositoryRequests } from './repository-requests.ts';
import { Transport, type ProxyVariables } from './transport.ts';
import type { RegistryRequest } from './watch-exchange.ts';

export interface RegistryClientOptions {
  /** Anybody's, when left out. */
  readonly credentials?: CredentialSource;
  /** None, when left out. */
  readonly proxies?: ProxyVariables;
  /** Gets every request when its answer has been read or given up. */
  readonly tell?: (request: RegistryRequest) => void;
}

export interface RepositoryOptions {
  /** Speak HTTP also with a registry that is not on this machine; with one that is, it is what is spoken. */
  readonly plainHttp?: boolean;
}

/** Pulls from OCI registries. Connections and tokens are kept for the next repository. */
export class RegistryClient implements Disposable {
  readonly #transport: Transport;
  readonly #authorizations: Authorizations;

  private constructor({ credentials, proxies = {}, tell }: RegistryClientOptions) {
    this.#transport = new Transport(proxies, tell);
    this.#authorizations = new Authorizations(this.#transport, credentials);
  }

  static open(options: RegistryClientOptions = {}): RegistryClient {
    return new RegistryClient(options);
  }

  /** Where an image is. Nothing is asked yet. */
  repository(reference: Reference, { plainHttp = false }: RepositoryOptions = {}): Repository {
    const { registry, repository } = reference;
    const door = { registry, repository, isSecure: !plainHttp && !isLoopback(registry) };
    return new Repository(reference, new RepositoryRequests(door, this.#transport, this.#authorizations));
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }
}
