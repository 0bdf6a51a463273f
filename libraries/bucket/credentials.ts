import type { Credentials } from '@lade/credentials';

/** Gives the credentials of the moment; asked before every request. */
export type CredentialSource = () => Promise<Credentials>;
