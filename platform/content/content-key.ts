import { pathOf, type ContentDigest } from './content-digest.ts';

/** Where an OCI blob lives below the bucket's prefix (docs/reference/image-records.md). */
export function contentKey(digest: ContentDigest): string {
  return `content/${pathOf(digest)}`;
}
