import type { Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import type { Logger } from '@lade/log';
import { isSwept, readSweep, type StoredSweep } from './sweep.ts';
import { encodeUses, usesKey } from './uses-object.ts';

/** For the bucket; a container may be waiting. */
const TELL_MS = 5_000;
const LOOK_MS = 3_600_000;
/** Well below the time after which it counts no more. */
const RENEW_MS = 12 * 3_600_000;
/** What was claimed and is not used by then was not taken. */
const CLAIM_MS = 3_600_000;

export interface NodeUsesOptions {
  readonly bucket: Bucket;
  /** Names this node, and stays the same over its restarts. */
  readonly node: string;
  /** Keys of what this node uses of the bucket. */
  readonly current: () => readonly string[];
  readonly log: Logger;
  /** Default: Date.now. */
  readonly now?: () => number;
}

/**
 * Tells the bucket what this node uses of it, before it relies on that, so that nobody collects it as garbage
 * (docs/reference/garbage.md).
 */
export class NodeUses implements AsyncDisposable {
  readonly #options: NodeUsesOptions;
  readonly #now: () => number;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  /** Keys that are going to be used, and since when. */
  readonly #claimed = new Map<string, number>();
  /** Keys that were told before a look that saw no sweep take them away. */
  #safe = new Set<string>();
  #told: { readonly keys: ReadonlySet<string>; readonly atMs: number } | undefined;
  /** The sweep that was seen last. */
  #seen: string | undefined;
  #round: Promise<StoredSweep> = Promise.resolve({ sweep: { id: '', keys: [] }, version: undefined });
  #next: Promise<StoredSweep> | undefined;
  #isWarned = false;

  constructor(options: NodeUsesOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#timer = setInterval(() => void this.renew().catch(() => {}), LOOK_MS).unref();
  }

  /**
   * Makes these keys used by this node; to be called before they are looked at, or while they are. False when they may be gone, or
   * go: who has found them has to claim them and look once more, and to take them for absent when that is false again. Throws when
   * the bucket is in trouble.
   */
  async claim(keys: readonly string[]): Promise<boolean> {
    for (const key of keys) this.#claimed.set(key, this.#now());
    const fresh = keys.filter((key) => !this.#safe.has(key));
    if (fresh.length === 0) return true;
    const seen = this.#seen;
    try {
      const { sweep } = await this.#tell();
      if (sweep.id !== seen || isSwept(sweep, fresh, this.#now())) return false;
    } catch (reason) {
      if (!isCodedError(reason, 'permission_denied')) throw reason;
      this.#warnOnce();
    }
    for (const key of fresh) this.#safe.add(key);
    return true;
  }

  /** Tells what is used now, unless that was told not long ago. */
  async renew(): Promise<void> {
    const { keys, atMs } = this.#told ?? { keys: new Set(), atMs: 0 };
    const now = this.#now();
    for (const [key, since] of this.#claimed) if (now - since > CLAIM_MS) this.#claimed.delete(key);
    if (now - atMs > RENEW_MS || this.#keys().symmetricDifference(keys).size > 0) await this.#tell();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#round.catch(() => {});
  }

  #warnOnce(): void {
    if (this.#isWarned) return;
    this.#isWarned = true;
    const { log, bucket } = this.#options;
    log.warn('this node may not tell the bucket what it uses: keep the images that it runs', {
      bucket: bucket.location,
    });
  }

  #keys(): Set<string> {
    return new Set([...this.#options.current(), ...this.#claimed.keys()]);
  }

  /** Puts the keys as they are when it begins, then looks at the sweep. Whoever comes meanwhile shares the next round. */
  async #tell(): Promise<StoredSweep> {
    this.#next ??= this.#round
      .catch(() => {})
      .then(async () => {
        this.#next = undefined;
        this.#round = this.#put();
        return this.#round;
      });
    return this.#next;
  }

  async #put(): Promise<StoredSweep> {
    const { bucket, node } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(TELL_MS)]);
    const keys = this.#keys();
    this.#safe = this.#safe.intersection(keys);
    await bucket.put(usesKey(node), encodeUses([...keys]), { signal });
    this.#told = { keys, atMs: this.#now() };
    const stored = await readSweep(bucket, { signal });
    this.#seen = stored.sweep.id;
    return stored;
  }
}
