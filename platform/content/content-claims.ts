import type { Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import { pathOf, type ContentDigest } from './content-digest.ts';

const MAX_CLAIM_BYTES = 4096;
/** A claim that was not renewed for so long, as seen from here, has lost its node. */
export const CLAIM_MS = 30_000;

export interface Claim {
  /** Whether this node has it. */
  readonly isOurs: boolean;
  readonly version: string;
}

interface WaitOptions {
  readonly signal: AbortSignal;
}

/**
 * Which node is bringing what: `refs/ingests/<algorithm>/<hex>` = `{"node": …}`. A claim is advice that saves a download, nothing
 * depends on it: where the store has no conditional puts, two nodes may hold one.
 */
export class ContentClaims {
  readonly #bucket: Bucket;
  readonly #node: string;

  /** `node` names this node and stays the same over its restarts. */
  constructor(bucket: Bucket, node: string) {
    this.#bucket = bucket;
    this.#node = node;
  }

  /** Takes the claim unless another node has it; `stale` is the version of one that may be taken over. */
  async take(digest: ContentDigest, stale: string | undefined, options: WaitOptions): Promise<Claim> {
    const free = await this.#put(digest, { absent: true }, options);
    if (free) return free;
    const held = await this.#read(digest, options);
    if (!held) return { isOurs: false, version: '' }; // gone this moment: its content may be there
    if (held.node !== this.#node && held.version !== stale) return { isOurs: false, version: held.version };
    const taken = await this.#put(digest, { version: held.version }, options);
    return taken ?? { isOurs: false, version: held.version };
  }

  /** Undefined when another node has taken it over. */
  async renew(digest: ContentDigest, { version }: Claim, options: WaitOptions): Promise<Claim | undefined> {
    return this.#put(digest, { version }, options);
  }

  async release(digest: ContentDigest, options: WaitOptions): Promise<void> {
    await this.#bucket.delete([claimKey(digest)], options);
  }

  async #put(
    digest: ContentDigest,
    condition: { readonly absent: true } | { readonly version: string },
    options: WaitOptions,
  ): Promise<Claim | undefined> {
    // The time makes every renewal another version.
    const body = Buffer.from(JSON.stringify({ node: this.#node, at: new Date().toISOString() }));
    try {
      const { version } = await this.#bucket.put(claimKey(digest), body, { condition, ...options });
      return { isOurs: true, version };
    } catch (reason) {
      const isHeld =
        isCodedError(reason, 'already_exists') ||
        isCodedError(reason, 'failed_precondition') ||
        isCodedError(reason, 'aborted');
      if (isHeld) return undefined;
      throw reason;
    }
  }

  async #read(
    digest: ContentDigest,
    options: WaitOptions,
  ): Promise<{ readonly node: unknown; readonly version: string } | undefined> {
    try {
      const { body, version } = await this.#bucket.get(claimKey(digest), options);
      const text = Buffer.from(await collectBytes(body, MAX_CLAIM_BYTES)).toString();
      return { node: nodeIn(text), version };
    } catch (reason) {
      if (isCodedError(reason, 'not_found')) return undefined;
      throw reason;
    }
  }
}

function claimKey(digest: ContentDigest): string {
  return `refs/ingests/${pathOf(digest)}`;
}

/** Undefined for what is no claim: it belongs to nobody, and becomes stale. */
function nodeIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { node?: unknown } | null)?.node;
  } catch {
    return undefined;
  }
}
