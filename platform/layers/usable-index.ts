import { hash } from 'node:crypto';
import type { Bucket } from '@lade/bucket';
import { decompress } from '@lade/compression';
import { isCodedError } from '@lade/errors';
import { Digester, type Digest } from '@lade/oci';
import { fromBytes } from '@lade/streams';
import type { LayerIndex } from './index-object.ts';
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

async function hasSameMetadata(one: LayerIndex, other: LayerIndex): Promise<boolean> {
  if (Buffer.from(one.header.metadataHash).equals(other.header.metadataHash)) return true;
  if (one.header.metadataBytes !== other.header.metadataBytes) return false;
  return (await metadataDigest(one)) === (await metadataDigest(other));
}

async function metadataDigest({ header, storedMetadata }: LayerIndex): Promise<Digest> {
  const digester = new Digester();
  const image = decompress(fromBytes(storedMetadata), { maxBytes: header.metadataBytes });
  for await (const bytes of image) digester.update(bytes);
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
