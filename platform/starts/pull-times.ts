import type { Digest } from '@lade/oci';

/** Layers that are asked for so long after another one belong to another pull. */
const PAUSE_MS = 60_000;
const MAX_CHAINS = 4_096;

interface Span {
  readonly from: number;
  readonly to: number;
}

/** When layers were asked for by whoever pulls, and when they were here. Times are milliseconds since 1970. */
export class PullTimes {
  readonly #spans = new Map<Digest, Span>();

  /** containerd has asked for a layer, and was answered at `to`. */
  asked(chainId: Digest, span: Span): void {
    const known = this.#spans.get(chainId);
    const isSame = known !== undefined && span.from - known.to < PAUSE_MS;
    this.#set(chainId, { from: isSame ? known.from : span.from, to: span.to });
  }

  /** The layer was unpacked. */
  came(chainId: Digest, to: number): void {
    const span = this.#spans.get(chainId);
    if (span) this.#set(chainId, { from: span.from, to });
  }

  /** How long the last pull took that brought the topmost of these layers; undefined: it was told before, or is not known. */
  take(chains: readonly Digest[]): number | undefined {
    const top = this.#spans.get(chains.at(-1) ?? ('' as Digest));
    if (!top) return undefined;
    let { from, to } = top;
    const below = chains.flatMap((chain) => this.#spans.get(chain) ?? []).sort((a, b) => b.to - a.to);
    for (const span of below) {
      if (span.to < from - PAUSE_MS) break;
      from = Math.min(from, span.from);
      to = Math.max(to, span.to);
    }
    for (const chain of chains) this.#spans.delete(chain);
    return to - from;
  }

  #set(chainId: Digest, span: Span): void {
    this.#spans.delete(chainId);
    this.#spans.set(chainId, span);
    for (const oldest of this.#spans.keys()) {
      if (this.#spans.size <= MAX_CHAINS) return;
      this.#spans.delete(oldest);
    }
  }
}
