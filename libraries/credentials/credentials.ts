/** What requests are signed with. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** From when on they are refused; without it they last. */
  readonly expiresAt?: Date;
}

export interface FoundCredentials extends Credentials {
  /** Where they come from, for people: "environment variable OBS_ACCESS_KEY_ID". */
  readonly source: string;
}

/**
 * Looks in one place. Undefined where that place is not set up, so that another may be tried; throws where it is, and has no
 * usable credentials.
 */
export type CredentialFinder = (signal: AbortSignal) => Promise<FoundCredentials | undefined>;
