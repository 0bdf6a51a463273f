import { CodedError } from '@lade/errors';
import { SharedCalls } from '@lade/streams';
import type { CredentialFinder, Credentials, FoundCredentials } from './credentials.ts';

/** Looking for credentials may ask a few services one after the other. */
const PATIENCE_MS = 30_000;
/** New ones are looked for when so much of their time is left, and at most so long before its end. */
const RENEW_SHARE = 1 / 3;
const RENEW_BEFORE_MS = 10 * 60_000;
/** Those that do not expire may be replaced where they come from. */
const LOOK_AGAIN_MS = 60_000;
/** Stores bear with clocks that differ by that much: until then they know better what has expired. */
const SKEW_MS = 15 * 60_000;
/** Between two looks of which the first has failed, or has brought what the store refuses. */
const PAUSE_MS = 1_000;

/** A change of credentials or of their source; or a look that failed while the last ones still hold. */
export type CredentialEvent =
  | { readonly kind: 'found'; readonly source: string; readonly expiresAt: Date | undefined }
  | { readonly kind: 'kept'; readonly error: unknown };

interface RotatingOptions {
  /** The store that they are for: "s3://bucket". */
  readonly location: string;
  readonly tell?: (event: CredentialEvent) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

interface Held {
  readonly found: FoundCredentials;
  /** From when on new ones are looked for, behind the back of those who ask. */
  readonly renewAtMs: number;
}

/**
 * The credentials of the moment. New ones are looked for before the last ones expire, while these are still handed out, so that
 * a source in trouble has time to recover; and at once after a store has refused them. The clock of the store may differ from ours:
 * what has expired by ours alone is handed out until the store refuses it.
 */
export class RotatingCredentials {
  readonly #find: CredentialFinder;
  readonly #options: RotatingOptions;
  readonly #looks = new SharedCalls<FoundCredentials>();
  #held: Held | undefined;
  #refused: string | undefined;
  #lookAfterMs = 0;

  constructor(find: CredentialFinder, options: RotatingOptions) {
    this.#find = find;
    this.#options = options;
  }

  /** Throws `unauthenticated` when there are none, or none that still hold. */
  async get(): Promise<FoundCredentials> {
    const held = this.#held;
    const now = this.#now();
    if (!held || hasExpired(held.found, now - SKEW_MS)) return this.#look();
    const { found, renewAtMs } = held;
    const [isRefused, isOver] = [this.#refused === found.accessKeyId, hasExpired(found, now)];
    if (isRefused && isOver) {
      const next = await this.#look();
      if (next.accessKeyId === found.accessKeyId) throw expired(this.#options.location, found);
      return next;
    }
    const mayLook = now >= this.#lookAfterMs;
    if ((isRefused || isOver) && mayLook) return this.#look().catch(() => found);
    if (now >= renewAtMs && mayLook) void this.#look().catch(() => {});
    return found;
  }

  /** A store did not take them, though they should hold. */
  refuse({ accessKeyId }: Credentials): void {
    if (this.#held?.found.accessKeyId === accessKeyId) this.#refused = accessKeyId;
  }

  async #look(): Promise<FoundCredentials> {
    return this.#looks.run('', async () => this.#lookOnce(), {});
  }

  async #lookOnce(): Promise<FoundCredentials> {
    const { location, tell = () => {} } = this.#options;
    try {
      const found = await this.#find(AbortSignal.timeout(PATIENCE_MS));
      if (!found) throw noneFound(location);
      if (hasExpired(found, this.#now() - SKEW_MS)) throw expired(location, found);
      const { accessKeyId, source, expiresAt } = found;
      if (accessKeyId !== this.#held?.found.accessKeyId) tell({ kind: 'found', source, expiresAt });
      this.#held = { found, renewAtMs: renewAt(found, this.#now()) };
      if (this.#refused !== accessKeyId) this.#refused = undefined;
      return found;
    } catch (error) {
      if (this.#held && !hasExpired(this.#held.found, this.#now())) tell({ kind: 'kept', error });
      throw error;
    } finally {
      // Not before: whoever asks meanwhile shares this look.
      this.#lookAfterMs = this.#now() + PAUSE_MS;
    }
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

function hasExpired({ expiresAt }: Credentials, now: number): boolean {
  return expiresAt !== undefined && expiresAt.getTime() <= now;
}

function renewAt({ expiresAt }: Credentials, now: number): number {
  if (!expiresAt) return now + LOOK_AGAIN_MS;
  const leftMs = expiresAt.getTime() - now;
  return expiresAt.getTime() - Math.min(leftMs * RENEW_SHARE, RENEW_BEFORE_MS);
}

function noneFound(location: string): CodedError {
  return new CodedError('unauthenticated', `Cannot sign requests to ${location}: no credentials were found`, {
    cure: 'Give some by environment, file, command, profile or role (docs/reference/credentials.md)',
  });
}

function expired(location: string, { source, expiresAt }: FoundCredentials): CodedError {
  return new CodedError(
    'unauthenticated',
    `Cannot sign requests to ${location}: the credentials of ${source} have expired at ${expiresAt?.toISOString()}`,
    { cure: 'Renew them there; and check the clock of this machine' },
  );
}
