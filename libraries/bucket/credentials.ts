import type { Credentials } from '@lade/credentials';

export interface CredentialSource {
  /** Those of the moment; asked before every request. */
  get(): Promise<Credentials>;
  /** A store did not take them. */
  refuse(credentials: Credentials): void;
}
