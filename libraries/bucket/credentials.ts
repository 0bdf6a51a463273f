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

const RENEW_BEFORE_MS = 5 * 60_000;

/** Asks `source` once, and again shortly before what it gave expires, or after it failed. */
export function keepUntilExpiry(source: CredentialSource): CredentialSource {
  let asked: Promise<Credentials> | undefined;
  const ask = async (): Promise<Credentials> => {
    const asking = source();
    asked = asking;
    try {
      return await asking;
    } catch (reason) {
      if (asked === asking) asked = undefined;
      throw reason;
    }
  };
  return async () => {
    const known = asked;
    if (known === undefined) return ask();
    const credentials = await known;
    if (!expiresSoon(credentials)) return credentials;
    // Somebody else may have asked meanwhile.
    return asked === known || asked === undefined ? ask() : asked;
  };
}

function expiresSoon({ expiresAt }: Credentials): boolean {
  return expiresAt !== undefined && expiresAt.getTime() - Date.now() < RENEW_BEFORE_MS;
}
