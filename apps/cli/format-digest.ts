import { hexOf, type Digest } from '@lade/oci';

/** "sha256:0123456789ab…", enough for people; --json has the rest. */
export function formatDigest(digest: Digest): string {
  return `sha256:${hexOf(digest).slice(0, 12)}…`;
}
