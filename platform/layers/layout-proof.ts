import { decodeImage, type EncodedImage } from '@lade/erofs';
import { isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import type { Chunk } from './chunk.ts';
import { firstDifference } from './first-difference.ts';
import type { LayerIndex } from './index-object.ts';
import { LayerLayout, type LaidOutLayer } from './layer-layout.ts';
import { DEFAULT_CONVERT_LIMITS } from './layer-visitor.ts';
import { encodeMetadata, readMetadata } from './metadata-image.ts';

const STORE_NOTHING = { storeBlob: async () => {}, storeRecipe: async () => {} };

/**
 * Proves that an index belongs to its tar: lays the tar out as a conversion does, storing nothing, and compares everything
 * that the format settles. Memory is bounded as in a conversion; no file may be larger than the blob of the index.
 */
export class LayoutProof {
  readonly #index: LayerIndex;
  readonly #layout: LayerLayout;
  #failure: unknown;

  constructor(index: LayerIndex) {
    this.#index = index;
    const limits = { ...DEFAULT_CONVERT_LIMITS, maxTarBytes: index.header.blobBytes };
    this.#layout = new LayerLayout(STORE_NOTHING, limits);
  }

  /** Takes the next piece of the tar. What cannot be laid out is told by difference(), so that the tar can be proved first. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      this.#layout.write(bytes);
      await this.#layout.drain();
    } catch (reason) {
      this.#failure = reason;
    }
  }

  /** States that the tar is complete. What the index says otherwise than the tar, or undefined. */
  async difference(): Promise<string | undefined> {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      const layer = await this.#layout.finish();
      const { diffId } = this.#index.header;
      const image = encodeMetadata(layer.tree, diffId, layer.blobBytes);
      return (
        layoutDifference(this.#index, layer, image) ?? (await imageDifference(this.#index, layer, image))
      );
    } catch (reason) {
      if (isCodedError(reason)) return reason.message;
      throw reason;
    }
  }
}

function layoutDifference(
  { header, chunks, impliedDirectories }: LayerIndex,
  layer: LaidOutLayer,
  image: EncodedImage,
): string | undefined {
  const counts: readonly (readonly [string, number, number])[] = [
    ['bytes of the tar', header.tarBytes, layer.tarBytes],
    ['bytes of the blob', header.blobBytes, layer.blobBytes],
    ['chunks', chunks.length, layer.chunks.length],
    ['inodes', header.inodes, image.inodeCount],
    ['bytes of the metadata image', header.metadataBytes, image.sizeBytes],
  ];
  for (const [what, said, found] of counts)
    if (said !== found) return `it counts ${said} ${what}, not ${found}`;
  const chunk = chunks.findIndex((it, i) => !isSameChunk(it, layer.chunks[i]));
  if (chunk !== -1) return `its chunk ${chunk} is another`;
  const implied = layer.tree.impliedDirectories();
  return impliedDirectories.join('\0') === implied.join('\0') ? undefined : 'it implies other directories';
}

/** Where a chunk lies is the publisher's to choose. */
function isSameChunk(one: Chunk, other: Chunk | undefined): boolean {
  return one.rawBytes === other?.rawBytes && Buffer.from(one.hash).equals(other.hash);
}

/**
 * The image must have the bytes that the encoder gives, and the decoder, which shares no layout with it, must find the tar's
 * tree there: an encoder's fault would be in both images.
 * @internal
 */
export async function imageDifference(
  index: LayerIndex,
  { tree }: Pick<LaidOutLayer, 'tree'>,
  image: Pick<EncodedImage, 'sizeBytes' | 'pieces'>,
): Promise<string | undefined> {
  const bytes = await collectBytes(readMetadata(index), image.sizeBytes);
  let offset = 0;
  for (const piece of image.pieces()) {
    const theirs = bytes.subarray(offset, offset + piece.byteLength);
    if (!Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).equals(theirs))
      return `its metadata image is another between bytes ${offset} and ${offset + piece.byteLength}`;
    offset += piece.byteLength;
  }
  const path = await firstDifference(tree.root, decodeImage(bytes).root);
  return path === undefined ? undefined : `its metadata image has another ${quote(path)}`;
}

function quote(path: string): string {
  return JSON.stringify(Buffer.from(path, 'latin1').toString('utf8'));
}
