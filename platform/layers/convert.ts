import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { compressChunk, decompress } from '@lade/compression';
import type { Digest } from '@lade/oci';
import { limitBytes, type ByteSource, type PullSource } from '@lade/streams';
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
  /**
   * For a plain tar that somebody digests anyway: its diff id, asked for when the tar has ended. The pieces of a byte source
   * stay the caller's then, and are taken for tar whatever they look like.
   */
  readonly diffId?: (() => Promise<Digest>) | undefined;
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
  { limits = DEFAULT_CONVERT_LIMITS, diffId, ...options }: ConvertOptions = {},
): Promise<ConvertedLayer> {
  if (diffId && typeof layer !== 'function') return convertTar(layer, folder, { ...options, limits, diffId });
  await using digester = new StreamDigester();
  const tar = decompress(layer, { ...options, maxBytes: limits.maxTarBytes });
  return await convertTar(digestBehind(tar, digester), folder, {
    limits,
    diffId: async () => digester.finish(),
  });
}

/** The consumer has a piece first: the digester takes it over. */
async function* digestBehind(tar: ByteSource, digester: StreamDigester): AsyncGenerator<Uint8Array> {
  for await (const bytes of tar) {
    yield bytes;
    await digester.update(bytes);
  }
}

interface ConvertTarOptions extends ConvertOptions {
  readonly limits: ConvertLimits;
  readonly diffId: () => Promise<Digest>;
}

async function convertTar(
  tar: ByteSource,
  folder: string,
  { limits, ...options }: ConvertTarOptions,
): Promise<ConvertedLayer> {
  await using blob = await open(join(folder, LAYER_FILES.blob), 'wx', 0o600);
  await using recipeFile = await open(join(folder, LAYER_FILES.recipe), 'wx', 0o600);
  const recipe = new StoredFrames(recipeFile);
  const store = { storeBlob: storeIn(blob), storeRecipe: async (piece: Uint8Array) => recipe.append(piece) };
  const layout = new LayerLayout(store, limits);
  for await (const bytes of limitBytes(tar, limits.maxTarBytes)) {
    options.signal?.throwIfAborted();
    layout.write(bytes);
    await layout.drain();
  }
  const { tree, tarBytes, blobBytes, chunks } = await layout.finish();
  await blob.truncate(blobBytes);
  const storedRecipe = await recipe.finish();
  const diffId = await options.diffId();
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
