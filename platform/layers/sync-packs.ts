import type { Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { isDigest, type Digest } from '@lade/oci';
import { collectBytes, forEachConcurrently } from '@lade/streams';
import type { ChunkCatalogue } from './chunk-catalogue.ts';
import { PACKS_PREFIX, packKey } from './object-keys.ts';
import { PACK_FOOTER_BYTES, decodePackTrailer, packTrailerBytes } from './pack.ts';

const READS = 8;
/** Holds footer and table of a usual pack, so that one request is enough. */
const GUESS_BYTES = 32 << 10;

/** Teaches the catalogue the packs that other nodes have put, and makes it forget those that are gone. */
export async function syncPacks(
  bucket: Bucket,
  catalogue: ChunkCatalogue,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const packs = new Map<Digest, number>();
  for await (const { key, sizeBytes } of bucket.list(PACKS_PREFIX, options)) {
    const digest = `sha256:${key.slice(PACKS_PREFIX.length)}`;
    if (isDigest(digest)) packs.set(digest, sizeBytes);
  }
  const unknown = catalogue.reconcilePacks(packs);
  const learn = async (digest: Digest, signal: AbortSignal): Promise<void> => {
    const sizeBytes = packs.get(digest) ?? 0;
    const trailer = await readTrailer(bucket, digest, sizeBytes, signal);
    if (trailer) catalogue.addPack({ digest, sizeBytes }, decodePackTrailer(trailer, packKey(digest)));
  };
  await forEachConcurrently(
    unknown,
    READS,
    (digest, signal) => learn(digest, signal).catch(ignoreDamage),
    options,
  );
}

/** A pack that cannot be read is one that cannot be reused; its layers find out for themselves. */
function ignoreDamage(reason: unknown): void {
  const harmless = ['data_loss', 'unimplemented', 'not_found', 'out_of_range'] as const;
  if (!harmless.some((code) => isCodedError(reason, code))) throw reason;
}

async function readTrailer(
  bucket: Bucket,
  digest: Digest,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (sizeBytes < PACK_FOOTER_BYTES) return undefined;
  const tail = await readTail(bucket, digest, sizeBytes, { tailBytes: GUESS_BYTES, signal });
  const trailerBytes = packTrailerBytes(tail.subarray(-PACK_FOOTER_BYTES), packKey(digest));
  if (trailerBytes > sizeBytes) return undefined;
  if (trailerBytes <= tail.byteLength) return tail.subarray(-trailerBytes);
  return readTail(bucket, digest, sizeBytes, { tailBytes: trailerBytes, signal });
}

async function readTail(
  bucket: Bucket,
  digest: Digest,
  sizeBytes: number,
  { tailBytes, signal }: { readonly tailBytes: number; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const length = Math.min(tailBytes, sizeBytes);
  const { body } = await bucket.get(packKey(digest), { offset: sizeBytes - length, length, signal });
  return collectBytes(body, length);
}
