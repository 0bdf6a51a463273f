import type { ImageSummary } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';
import { parseReference } from '@lade/oci';

/** Those of a name as it stands, else of the full one that it means: one of each platform. Throws `not_found`. */
export function findImages(wanted: string, images: readonly ImageSummary[]): readonly ImageSummary[] {
  for (const known of new Set([wanted, parseReference(wanted).name])) {
    const found = images.filter(({ name }) => name === known);
    if (found.length > 0) return found;
  }
  throw new CodedError(
    'not_found',
    `Cannot find image ${wanted}: neither the bucket nor containerd knows it`,
    { cure: 'See what there is with lade images; another namespace is named with -n' },
  );
}
