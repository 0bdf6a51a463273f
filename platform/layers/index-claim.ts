import { hash } from 'node:crypto';
import { Digester, digestFromHash, type Digest } from '@lade/oci';
import type { LayerIndex } from './index-object.ts';
import { readMetadata } from './metadata-image.ts';

/**
 * Digest of all that an index claims of its layer. It leaves out what may differ between two indexes of one layer: the places
 * of the chunks, and how the metadata image is compressed. `metadata` is the digest of the raw metadata image.
 */
export function claimOf(index: LayerIndex, metadata: Digest): Digest {
  const { diffId, tarBytes, blobBytes, inodes } = index.header;
  const chunks = index.chunks.map(
    ({ hash, rawBytes }) => `${Buffer.from(hash).toString('base64')} ${rawBytes}`,
  );
  const implied = index.impliedDirectories.map((path) => Buffer.from(path, 'latin1').toString('base64'));
  const parts = [[diffId, metadata, tarBytes, blobBytes, inodes], chunks, implied];
  return digestFromHash(hash('sha256', parts.map((part) => part.join()).join('\n'), 'buffer'));
}

/** Digest of the raw metadata image that an index holds. Throws as readMetadata() does. */
export async function metadataDigest(index: LayerIndex): Promise<Digest> {
  const digester = new Digester();
  for await (const bytes of readMetadata(index)) digester.update(bytes);
  return digester.finish();
}
