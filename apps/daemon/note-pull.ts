import { isDigest } from '@lade/oci';
import type { PullTimes } from '@lade/starts';

/** What containerd has asked, as watchCalls() tells it. */
interface AnsweredCall {
  readonly ms: number;
  readonly code?: string;
  readonly [field: string]: unknown;
}

/** Notes of a call when a layer of an image was asked for, and when it was there. */
export function notePull(pulls: PullTimes, call: string, { ms, code, chainId, name }: AnsweredCall): void {
  const to = Date.now();
  if (call === 'snapshots.prepare' && typeof chainId === 'string' && isDigest(chainId)) {
    // That it exists already is how a layer of the bucket is told.
    if (code === undefined || code === 'already_exists') pulls.asked(chainId, { from: to - ms, to });
  } else if (call === 'snapshots.commit' && code === undefined) {
    const committed = String(name).slice(String(name).lastIndexOf('/') + 1);
    if (isDigest(committed)) pulls.came(committed, to);
  }
}
