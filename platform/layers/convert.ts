import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { compressChunk, decompress, type Compression } from '@lade/compression';
import type { Digest } from '@lade/oci';
import type { ByteSource, PullSource } from '@lade/streams';
import type { StoreRun } from './blob-writer.ts';
import { encodeIndexHead } from './index-object.ts';
import { LAYER_FILES } from './layer-files.ts';
import { LayerLayout } from './layer-layout.ts';
import { DEFAULT_CONVERT_LIMITS, type ConvertLimits } from './layer-visitor.ts';
import { encodeMetadata, storeMetadata } from './metadata-image.ts';
import { StreamDigester } from './stream-digester.ts';

export interface ConvertedLayer {
  readonly diffId: Digest;
  readonly tarBytes: number;
  readonly blobBytes: number;
  readonly inodes: number;
}

export interface ConvertOptions {
  readonly limits?: ConvertLimits;
  /** How the layer is packed, where that is known; its first bytes tell it else. */
  readonly format?: Compression;
  readonly signal?: AbortSignal;
}

/**
 * Turns a layer as the registry has it (tar; plain, gzip or zstd) into the files of LAYER_FILES inside `folder`,
 * in one pass and bounded memory. The caller compares the diff id, and removes the folder when this throws:
 * `data_loss` for a damaged stream, `invalid_argument` for an entry that no image may hold, `resource_exhausted` past a limit,
 * `internal` for a metadata image that is not whole.
 */
export async function convertLayer(
  layer: ByteSource | PullSource,
  folder: string,
  { limits = DEFAULT_CONVERT_LIMITS, ...source }: ConvertOptions = {},
): Promise<ConvertedLayer> {
  await using blob = await open(join(folder, LAYER_FILES.blob), 'wx', 0o600);
  await using recipeFile = await open(join(folder, LAYER_FILES.recipe), 'wx', 0o600);
  const recipe = new StoredFrames(recipeFile);
  const store = { storeBlob: storeIn(blob), storeRecipe: async (piece: Uint8Array) => recipe.append(piece) };
  const layout = new LayerLayout(store, limits);
  await using digester = new StreamDigester();
  for await (const bytes of decompress(layer, { ...source, maxBytes: limits.maxTarBytes })) {
    layout.write(bytes);
    await digester.update(bytes);
    await layout.drain();
  }
  const { tree, tarBytes, blobBytes, chunks } = await layout.finish();
  await blob.truncate(blobBytes);
  const storedRecipe = await recipe.finish();
  const diffId = await digester.finish();
  const image = encodeMetadata(tree, diffId, blobBytes);
  await using metadata = await open(join(folder, LAYER_FILES.metadata), 'wx', 0o600);
  const { head } = encodeIndexHead({
    diffId,
    tarBytes,
    blobBytes,
    inodes: image.inodeCount,
    packs: [],
    chunks,
    impliedDirectories: tree.impliedDirectories(),
    metadataBytes: image.sizeBytes,
    storedMetadata: await storeMetadata(image, metadata),
    storedRecipeBytes: storedRecipe.sizeBytes,
    recipeHash: storedRecipe.hash,
  });
  await using index = await open(join(folder, LAYER_FILES.index), 'wx', 0o600);
  await index.writeFile(head);
  return { diffId, tarBytes, blobBytes, inodes: image.inodeCount };
}

function storeIn(file: FileHandle): StoreRun {
  return async (bytes, offset) => {
    for (let at = 0; at < bytes.byteLength;) {
      const { bytesWritten } = await file.write(bytes, at, bytes.byteLength - at, offset + at);
      at += bytesWritten;
    }
  };
}

/** A file of zstd frames, appended piece by piece. */
class StoredFrames {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async append(piece: Uint8Array): Promise<void> {
    if (piece.byteLength === 0) return;
    const frame = await compressChunk(piece);
    this.#hash.update(frame);
    this.#sizeBytes += frame.byteLength;
    await this.#file.writeFile(frame);
  }

  async finish(): Promise<{ sizeBytes: number; hash: Uint8Array }> {
    return { sizeBytes: this.#sizeBytes, hash: this.#hash.digest() };
  }
}
