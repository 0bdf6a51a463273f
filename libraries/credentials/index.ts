export type { CredentialFinder, Credentials, FoundCredentials } from './credentials.ts';
export type { Agency } from './as-huawei-agency.ts';
export { createFinder, type FinderSettings } from './create-finder.ts';
export type { Environment } from './from-environment.ts';
export { RotatingCredentials, type CredentialEvent } from './rotating-credentials.ts';
export { StoreClock } from './store-clock.ts';
