import { CodedError } from '@lade/errors';
import type { Platform } from '@lade/oci';
import type { ImageManifest, ImageRecord } from './image-record.ts';
import { bestMatch, formatPlatform } from './platform.ts';

/** The manifest that suits `platform` best. Throws `not_found`, naming the platforms that there are. */
export function selectManifest({ name, manifests }: ImageRecord, platform: Platform): ImageManifest {
  const best = bestMatch(manifests, platform);
  if (best) return best;
  const wanted = formatPlatform(platform);
  const offered = manifests.map((manifest) => formatPlatform(manifest.platform)).join(', ');
  throw new CodedError(
    'not_found',
    `Cannot use image ${name}: the bucket has it for ${offered}, not ${wanted}`,
    {
      cure: `Pull it from its registry on a node of ${wanted} with this bucket`,
    },
  );
}
