import { CodedError } from '@lade/errors';
import { SharedCalls } from '@lade/streams';
import type { CredentialFinder, Credentials, FoundCredentials } from './credentials.ts';
import type { StoreClock } from './store-clock.ts';

/** Looking for credentials may ask a few services one after the other. */
const PATIENCE_MS = 30_000;
/** New ones are looked for when so much of their time is left, and at most so long before its end. */
const RENEW_SHARE = 1 / 3;
const RENEW_BEFORE_MS = 10 * 60_000;
/** Those that do not expire may be replaced where they come from. */
const LOOK_AGAIN_MS = 60_000;
/** Stores bear with clocks that differ by that much: until then they know better what has expired. */
const SKEW_MS = 15 * 60_000;
/** By how much the store's clock may be ahead of what is known of it: what it refuses so shortly before the end has ended. */
const CLOCK_ERROR_MS = 2_000;
/** Between two looks of which the first has failed, or has brought what the store refuses. */
const PAUSE_MS = 1_000;
/** Between two looks of which the first has brought nothing new, as a share of the time that is left. */
const PAUSE_SHARE = 1 / 10;
/** What timers can wait for; and by how much one may be late before another takes its place. */
const MAX_TIMER_MS = 24 * 3_600_000;
const TIMER_SLACK_MS = 250;
const NO_TIMER: Timer = { dueMs: Infinity, timeout: undefined };

/** A change of credentials or of their source; or a look that failed while the last ones still hold. */
export type CredentialEvent =
  | { readonly kind: 'found'; readonly source: string; readonly expiresAt: Date | undefined }
  | { readonly kind: 'kept'; readonly error: unknown };

interface RotatingOptions {
  /** The store that they are for: "s3://bucket". */
  readonly location: string;
  readonly tell?: (event: CredentialEvent) => void;
  /** By which they expire: that of the store. Default: this machine's. */
  readonly clock?: Pick<StoreClock, 'now'>;
  /** Milliseconds since any moment; never set. */
  readonly elapsed?: () => number;
}

interface Timer {
  /** On the clock of `elapsed`. */
  readonly dueMs: number;
  readonly timeout: NodeJS.Timeout | undefined;
}

interface Held {
  readonly found: FoundCredentials;
  /** When they were found first, and when last; on the clock of `elapsed`. */
  readonly foundAtMs: number;
  readonly seenAtMs: number;
}

/**
 * The credentials of the moment. New ones are looked for before the last ones expire, while these are still handed out, so that
 * a source in trouble has time to recover; and at once after a store has refused them. Where the clock of the store is not known, what
 * has expired by ours is handed out until the store refuses it.
 */
export class RotatingCredentials {
  readonly #find: CredentialFinder;
  readonly #location: string;
  readonly #tell: (event: CredentialEvent) => void;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #looks = new SharedCalls<FoundCredentials>();
  #held: Held | undefined;
  #refused: string | undefined;
  #lookAfterMs = 0;
  #timer = NO_TIMER;

  constructor(find: CredentialFinder, { location, tell, clock, elapsed }: RotatingOptions) {
    this.#find = find;
    this.#location = location;
    this.#tell = tell ?? (() => {});
    this.#now = () => clock?.now() ?? Date.now();
    this.#elapsed = elapsed ?? (() => performance.now());
  }

  /** Throws `unauthenticated` when there are none, or none that still hold. */
  async get(): Promise<FoundCredentials> {
    const held = this.#held;
    const now = this.#now();
    if (!held || hasExpired(held.found, now - SKEW_MS)) return this.#look();
    const { found } = held;
    const isRefused = this.#refused === found.accessKeyId;
    const isOver = hasExpired(found, isRefused ? now + CLOCK_ERROR_MS : now);
    if (isRefused && isOver) {
      const next = await this.#look();
      if (next.accessKeyId === found.accessKeyId) throw expired(this.#location, found);
      return next;
    }
    const mayLook = this.#elapsed() >= this.#lookAfterMs;
    if ((isRefused || isOver) && mayLook) return this.#look().catch(() => found);
    this.#renewInTime();
    return found;
  }

  /** A store did not take them, though they should hold. */
  refuse({ accessKeyId }: Credentials): void {
    if (this.#held?.found.accessKeyId === accessKeyId) this.#refused = accessKeyId;
  }

  /** Has new ones looked for behind the back of those who ask, at the right time, also when nobody asks again until then. */
  #renewInTime(): void {
    const held = this.#held;
    if (!held || hasExpired(held.found, this.#now())) return;
    const elapsed = this.#elapsed();
    const dueMs = Math.max(this.#renewAtMs(held), this.#lookAfterMs);
    if (dueMs <= elapsed) return void this.#renew(held);
    if (!held.found.expiresAt || dueMs > this.#timer.dueMs - TIMER_SLACK_MS) return;
    clearTimeout(this.#timer.timeout);
    const timeout = setTimeout(
      () => {
        this.#timer = NO_TIMER;
        this.#renewInTime();
      },
      Math.min(dueMs - elapsed, MAX_TIMER_MS),
    );
    this.#timer = { dueMs, timeout: timeout.unref() };
  }

  /** Goes on looking where nothing new was found. */
  async #renew({ found }: Held): Promise<void> {
    await this.#look().catch(() => {});
    if (this.#held?.found.accessKeyId === found.accessKeyId) this.#renewInTime();
  }

  /** On the clock of `elapsed`. Not the same for ever, because the store's clock may be known better by now. */
  #renewAtMs({ found: { expiresAt }, foundAtMs, seenAtMs }: Held): number {
    if (!expiresAt) return seenAtMs + LOOK_AGAIN_MS;
    const endMs = expiresAt.getTime() - this.#now() + this.#elapsed();
    const dueMs = endMs - Math.min((endMs - foundAtMs) * RENEW_SHARE, RENEW_BEFORE_MS);
    return seenAtMs === foundAtMs ? dueMs : Math.max(dueMs, seenAtMs + (endMs - seenAtMs) * PAUSE_SHARE);
  }

  async #look(): Promise<FoundCredentials> {
    return this.#looks.run('', async () => this.#lookOnce(), {});
  }

  async #lookOnce(): Promise<FoundCredentials> {
    try {
      const found = await this.#find(AbortSignal.timeout(PATIENCE_MS));
      if (!found) throw noneFound(this.#location);
      if (hasExpired(found, this.#now() - SKEW_MS)) throw expired(this.#location, found);
      this.#hold(found);
      return found;
    } catch (error) {
      if (this.#held && !hasExpired(this.#held.found, this.#now())) this.#tell({ kind: 'kept', error });
      throw error;
    } finally {
      // Not before: whoever asks meanwhile shares this look.
      this.#lookAfterMs = this.#elapsed() + PAUSE_MS;
    }
  }

  #hold(found: FoundCredentials): void {
    const { accessKeyId, source, expiresAt } = found;
    const [before, seenAtMs] = [this.#held, this.#elapsed()];
    const isSame = before?.found.accessKeyId === accessKeyId;
    const isExtended = before?.found.expiresAt?.getTime() !== expiresAt?.getTime();
    if (!isSame) this.#tell({ kind: 'found', source, expiresAt });
    this.#held = { found, seenAtMs, foundAtMs: isSame && !isExtended ? before.foundAtMs : seenAtMs };
    if (this.#refused !== accessKeyId) this.#refused = undefined;
  }
}

function hasExpired({ expiresAt }: Credentials, now: number): boolean {
  return expiresAt !== undefined && expiresAt.getTime() <= now;
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
