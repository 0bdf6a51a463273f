import type { Bucket, ObjectInfo } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import type { Logger } from '@lade/log';
import { CLAIM_MS, ContentClaims, type Claim } from './content-claims.ts';
import { digestInRef, type ContentDigest } from './content-digest.ts';
import type { ContentInfo } from './content-info.ts';
import { contentKey } from './content-key.ts';
import type { OtherContent } from './content-store.ts';
import type { ContentUses } from './content-uses.ts';
import type { IngestGate } from './ingests.ts';

/** A bucket that takes longer is a miss. */
const LOOK_MS = 2_000;
const RENEW_MS = 10_000;
/** Whoever has waited so long for another node brings it too. */
const PATIENCE_MS = 300_000;
/** How long an answer of the bucket is good for. */
const PRESENT_MS = 600_000;
const ABSENT_MS = 1_000;
const THEIRS_MS = 300;
const MAX_REMEMBERED = 4096;

type Knowledge =
  | { readonly kind: 'looking'; wanted: boolean }
  | { readonly kind: 'present'; readonly info: ContentInfo; readonly untilMs: number; told: boolean }
  | { readonly kind: 'absent' | 'theirs' | 'free'; readonly untilMs: number }
  | { readonly kind: 'ours'; readonly claim: Claim; admitted: boolean };

interface Sighting {
  readonly version: string;
  readonly firstMs: number;
  readonly sinceMs: number;
}

interface SharedContentPorts {
  readonly bucket: Bucket;
  readonly uses: ContentUses;
}

/**
 * The whole fleet as one content store: what the bucket has counts as present here, and what another node is bringing is
 * waited for. containerd asks inside its write transaction, so both questions are answered at once, from what is known; who is told
 * "not yet" asks again a few milliseconds later (containerd's content.OpenWriter). A bucket in trouble is a miss.
 */
export class SharedContent implements OtherContent, IngestGate, AsyncDisposable {
  readonly #bucket: Bucket;
  readonly #uses: ContentUses;
  readonly #claims: ContentClaims;
  readonly #log: Logger;
  readonly #known = new Map<ContentDigest, Knowledge>();
  /** Claims of other nodes: since when there is one, and since when its version is the same. */
  readonly #seen = new Map<ContentDigest, Sighting>();
  readonly #unusable = new Set<ContentDigest>();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #renewal: NodeJS.Timeout;

  constructor({ bucket, uses }: SharedContentPorts, node: string, log: Logger) {
    this.#bucket = bucket;
    this.#uses = uses;
    this.#claims = new ContentClaims(bucket, node);
    this.#log = log;
    this.#renewal = setInterval(() => this.#renewAll(), RENEW_MS).unref();
  }

  find(digest: ContentDigest): ContentInfo | undefined {
    if (this.#unusable.has(digest)) return undefined;
    const known = this.#fresh(digest);
    if (known?.kind === 'present') return known.info;
    if (!known) this.#look(digest, false);
    return undefined;
  }

  isUnusable(digest: ContentDigest): void {
    this.#unusable.add(digest);
    this.#known.delete(digest);
  }

  hasUnusable(digest: ContentDigest): boolean {
    return this.#unusable.has(digest);
  }

  admit(ref: string): boolean {
    const digest = digestInRef(ref);
    if (!digest || this.#unusable.has(digest)) return true;
    const known = this.#fresh(digest);
    if (known?.kind === 'ours') known.admitted = true;
    else if (known?.kind === 'looking') known.wanted = true;
    else if (!known || known.kind === 'absent') this.#look(digest, true);
    if (known?.kind !== 'present') return known?.kind === 'ours' || known?.kind === 'free';
    // Who has looked a moment too early looks again; who wants to write nevertheless may.
    const { told } = known;
    known.told = true;
    return told;
  }

  abandoned(ref: string): void {
    const digest = digestInRef(ref);
    if (digest) this.dropped(digest);
  }

  /** This node is not going to bring it. */
  dropped(digest: ContentDigest): void {
    if (this.#known.get(digest)?.kind !== 'ours') return;
    this.#known.delete(digest);
    this.#release(digest);
  }

  /** The bucket has it from now on. */
  uploaded(digest: ContentDigest, sizeBytes: number): void {
    const held = this.#known.get(digest)?.kind === 'ours';
    this.#unusable.delete(digest);
    this.#remember(digest, present(digest, sizeBytes, new Date()));
    if (held) this.#release(digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#renewal);
    this.#stop.abort();
    await Promise.allSettled(this.#running);
  }

  #fresh(digest: ContentDigest): Knowledge | undefined {
    const known = this.#known.get(digest);
    return known && 'untilMs' in known && known.untilMs <= performance.now() ? undefined : known;
  }

  #look(digest: ContentDigest, wanted: boolean): void {
    const looking: Knowledge = { kind: 'looking', wanted };
    this.#remember(digest, looking);
    this.#run(async () => {
      const found = await this.#ask(digest, looking).catch((error: unknown) => {
        this.#log.debug('content not looked up', { digest, error });
        return passing('free', CLAIM_MS);
      });
      if (this.#known.get(digest) === looking) this.#remember(digest, found);
      // Who waits for it hears of it by asking again; a claim that nobody asks for goes with the next renewal.
    });
  }

  async #ask(digest: ContentDigest, looking: { readonly wanted: boolean }): Promise<Knowledge> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(LOOK_MS)]);
    const found = await this.#head(digest, signal);
    // Once more, because what is found before it is claimed may just be going.
    const stored = found && (await this.#uses.claim(digest)) ? await this.#head(digest, signal) : undefined;
    if (stored) return present(digest, stored.sizeBytes, stored.modifiedAt);
    if (!looking.wanted) return passing('absent', ABSENT_MS);
    const claim = await this.#claims.take(digest, this.#staleVersion(digest), { signal });
    if (claim.isOurs) return { kind: 'ours', claim, admitted: false };
    const now = performance.now();
    const seen = this.#seen.get(digest);
    if (seen?.version !== claim.version)
      this.#seen.set(digest, { version: claim.version, firstMs: seen?.firstMs ?? now, sinceMs: now });
    return seen && now - seen.firstMs >= PATIENCE_MS
      ? passing('free', CLAIM_MS)
      : passing('theirs', THEIRS_MS);
  }

  async #head(digest: ContentDigest, signal: AbortSignal): Promise<ObjectInfo | undefined> {
    try {
      return await this.#bucket.head(contentKey(digest), { signal });
    } catch (reason) {
      if (isCodedError(reason, 'not_found')) return undefined;
      throw reason;
    }
  }

  #staleVersion(digest: ContentDigest): string | undefined {
    const seen = this.#seen.get(digest);
    return seen && performance.now() - seen.sinceMs >= CLAIM_MS ? seen.version : undefined;
  }

  #renewAll(): void {
    for (const [digest, known] of this.#known) {
      if (known.kind !== 'ours') continue;
      if (!known.admitted) this.dropped(digest);
      else this.#run(async () => this.#renew(digest, known));
    }
  }

  async #renew(digest: ContentDigest, known: Knowledge & { readonly kind: 'ours' }): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(RENEW_MS)]);
    const claim = await this.#claims.renew(digest, known.claim, { signal });
    if (this.#known.get(digest) === known && claim) this.#known.set(digest, { ...known, claim });
  }

  #release(digest: ContentDigest): void {
    this.#run(async () => this.#claims.release(digest, { signal: AbortSignal.timeout(LOOK_MS) }));
  }

  #run(work: () => Promise<void>): void {
    const running = work()
      .catch((error: unknown) => this.#log.debug('content claim not changed', { error }))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #remember(digest: ContentDigest, knowledge: Knowledge): void {
    this.#known.delete(digest);
    this.#known.set(digest, knowledge);
    if (knowledge.kind !== 'theirs' && knowledge.kind !== 'looking') this.#seen.delete(digest);
    if (this.#known.size <= MAX_REMEMBERED) return;
    for (const [oldest, { kind }] of this.#known) {
      if (kind === 'ours' || kind === 'looking') continue;
      this.#known.delete(oldest);
      return;
    }
  }
}

function passing(kind: 'absent' | 'theirs' | 'free', forMs: number): Knowledge {
  return { kind, untilMs: performance.now() + forMs };
}

function present(digest: ContentDigest, sizeBytes: number, at: Date): Knowledge {
  const time = BigInt(at.getTime()) * 1_000_000n;
  const info = { digest, sizeBytes, createdAt: time, updatedAt: time, labels: {} };
  return { kind: 'present', info, untilMs: performance.now() + PRESENT_MS, told: false };
}
