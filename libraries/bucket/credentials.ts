/** What requests are signed with. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** From when on they are refused; without it they last. */
  readonly expiresAt?: Date;
}

/** Gives the credentials of the moment; drivers keep them until shortly before they expire, and then ask again. */
export type CredentialSource = () => Promise<Credentials>;
