import { hash } from 'node:crypto';
import type { Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { Digester, type Digest } from '@lade/oci';
import type { LayerIndex } from './index-object.ts';
import { readMetadata } from './metadata-image.ts';
import { packKey } from './object-keys.ts';
import { readIndex } from './read-layer.ts';

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/**
 * The bucket's index of the layer that `local` describes, if the layer can be started from it: it is undamaged, says the
 * same as the conversion here, and all its packs are there. Throws `unimplemented` for one of a newer version.
 */
export async function findUsableIndex(
  bucket: Bucket,
  local: LayerIndex,
  options: WaitOptions,
): Promise<LayerIndex | undefined> {
  try {
    const index = await readIndex(bucket, local.header.diffId, options);
    if (!index || !(await isSameLayer(index, local))) return undefined;
    return (await hasPacks(bucket, index, options)) ? index : undefined;
  } catch (reason) {
    if (isCodedError(reason, 'data_loss')) return undefined;
    throw reason;
  }
}

/** Everything but the places of the chunks and how the metadata image is compressed. */
async function isSameLayer(one: LayerIndex, other: LayerIndex): Promise<boolean> {
  return (
    one.header.tarBytes === other.header.tarBytes &&
    one.header.inodes === other.header.inodes &&
    one.impliedDirectories.join('\0') === other.impliedDirectories.join('\0') &&
    hashOfChunks(one) === hashOfChunks(other) &&
    (await hasSameMetadata(one, other))
  );
}

function hashOfChunks({ chunks }: LayerIndex): string {
  return hash(
    'sha256',
    chunks.map(({ hash, rawBytes }) => `${Buffer.from(hash).toString('hex')} ${rawBytes}`).join(),
  );
}

/** Raw image against raw image: the hashes in the headers are of what zstd made of them. */
async function hasSameMetadata(one: LayerIndex, other: LayerIndex): Promise<boolean> {
  if (one.header.metadataBytes !== other.header.metadataBytes) return false;
  if (Buffer.from(one.header.metadataHash).equals(other.header.metadataHash)) return true;
  return (await metadataDigest(one)) === (await metadataDigest(other));
}

async function metadataDigest(index: LayerIndex): Promise<Digest> {
  const digester = new Digester();
  for await (const bytes of readMetadata(index)) digester.update(bytes);
  return digester.finish();
}

async function hasPacks(bucket: Bucket, { packs }: LayerIndex, options: WaitOptions): Promise<boolean> {
  for (const { digest, sizeBytes } of packs) {
    try {
      if ((await bucket.head(packKey(digest), options)).sizeBytes !== sizeBytes) return false;
    } catch (reason) {
      if (isCodedError(reason, 'not_found')) return false;
      throw reason;
    }
  }
  return true;
}
