export { RegistryClient, type RegistryClientOptions, type RepositoryOptions } from './registry-client.ts';
export type { RegistryRequest } from './watch-exchange.ts';
export { Repository } from './repository.ts';
export { dockerCredentials } from './docker-credentials.ts';
export type { CredentialSource, RegistryCredentials } from './credentials.ts';
