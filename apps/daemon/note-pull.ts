import { isDigest, type Digest } from '@lade/oci';
import type { PullTimes } from '@lade/starts';

/** What containerd has asked, as watchCalls() tells it. */
interface AnsweredCall {
  readonly ms: number;
  readonly code?: string;
  readonly [field: string]: unknown;
}

/** Notes of a call when a layer of an image was asked for, and when it was there. */
export function notePull(
  pulls: PullTimes,
  call: string,
  { ms, code, chainId, key, name }: AnsweredCall,
): void {
  const to = Date.now();
  if (call === 'snapshots.prepare') {
    // Clients that unpack by themselves name the chain in the key alone: "extract-NUMBER CHAIN".
    const asked = digestIn(chainId) ?? digestIn(String(key).split(' ')[1]);
    // That it exists already is how a layer of the bucket is told.
    if (asked && (code === undefined || code === 'already_exists')) pulls.asked(asked, { from: to - ms, to });
  } else if (call === 'snapshots.commit' && code === undefined) {
    const committed = digestIn(String(name).split('/').at(-1));
    if (committed) pulls.came(committed, to);
  }
}

function digestIn(text: unknown): Digest | undefined {
  return typeof text === 'string' && isDigest(text) ? text : undefined;
}
