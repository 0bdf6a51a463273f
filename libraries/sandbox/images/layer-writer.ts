import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { MEDIA_TYPES, digestOf, hexOf, type Descriptor, type Digest } from '@lade/oci';
import type { ByteSource } from '@lade/streams';

export type Compression = 'gzip' | 'zstd' | 'none';

export interface WrittenLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

const COMPRESSIONS = {
  gzip: { mediaType: MEDIA_TYPES.layerGzip, open: () => createGzip({ level: 6 }) },
  zstd: { mediaType: `${MEDIA_TYPES.layer}+zstd`, open: () => createZstdCompress() },
  none: { mediaType: MEDIA_TYPES.layer, open: () => new PassThrough() },
} satisfies Record<Compression, { mediaType: string; open: () => Transform | PassThrough }>;

/** Compresses a layer tar into the blobs of an OCI layout. The same tar gives the same bytes. */
export async function writeLayer(
  layout: string,
  tar: ByteSource,
  compression: Compression,
): Promise<WrittenLayer> {
  const { mediaType, open } = COMPRESSIONS[compression];
  const raw = createHash('sha256');
  const packed = createHash('sha256');
  const counter = { bytes: 0 };
  const temporary = join(layout, 'layer.tmp');
  await mkdir(layout, { recursive: true });
  await pipeline(tar, tap(raw), inEvenPieces, open(), tap(packed, counter), createWriteStream(temporary));
  const digest = finish(packed);
  await placeBlob(layout, digest, temporary);
  return { descriptor: { mediaType, digest, size: counter.bytes }, diffId: finish(raw) };
}

/** Path of a blob in an OCI layout. */
export function blobPath(layout: string, digest: Digest): string {
  return join(layout, 'blobs', 'sha256', hexOf(digest));
}

/** Stores a JSON document as a blob and describes it. */
export async function writeDocument(
  layout: string,
  mediaType: string,
  document: unknown,
): Promise<Descriptor> {
  const text = JSON.stringify(document);
  const temporary = join(layout, 'document.tmp');
  await pipeline([Buffer.from(text)], createWriteStream(temporary));
  const digest = digestOf(text);
  await placeBlob(layout, digest, temporary);
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

async function placeBlob(layout: string, digest: Digest, temporary: string): Promise<void> {
  const path = blobPath(layout, digest);
  await mkdir(dirname(path), { recursive: true });
  await rename(temporary, path);
}

const PIECE_BYTES = 1024 * 1024;

/** What zstd makes of a stream depends on how it is cut, and a pipe cuts as it likes. */
async function* inEvenPieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let piece = Buffer.allocUnsafe(PIECE_BYTES);
  let filled = 0;
  for await (const chunk of source) {
    for (let taken = 0; taken < chunk.length;) {
      const length = chunk.copy(piece, filled, taken);
      taken += length;
      filled += length;
      if (filled < PIECE_BYTES) continue;
      yield piece;
      piece = Buffer.allocUnsafe(PIECE_BYTES);
      filled = 0;
    }
  }
  yield piece.subarray(0, filled);
}

function tap(hash: Hash, counter = { bytes: 0 }): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      counter.bytes += chunk.length;
      done(null, chunk);
    },
  });
}

function finish(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}`;
}
