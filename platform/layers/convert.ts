import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { compressChunk, decompress } from '@lade/compression';
import { encodeImage, type EncodedImage } from '@lade/erofs';
import { CodedError } from '@lade/errors';
import { hashOf, type Digest } from '@lade/oci';
import type { ByteSource, PullSource } from '@lade/streams';
import { TarDecoder, type TarEntry, type TarVisitor } from '@lade/tar';
import { BlobWriter } from './blob-writer.ts';
import { BLOCK_BYTES, blocksOf } from './chunk.ts';
import { encodeIndexHead } from './index-object.ts';
import { LAYER_FILES } from './layer-files.ts';
import { LayerTree } from './layer-tree.ts';
import { RecipeEncoder } from './recipe.ts';
import { StreamDigester } from './stream-digester.ts';

export interface ConvertLimits {
  /** Most bytes of the uncompressed layer tar, and of all its files with the holes of sparse ones. */
  readonly maxTarBytes: number;
  /** Most memory for its tree: some 400 bytes for each entry and implied directory, and their names and xattrs. */
  readonly maxTreeBytes: number;
}

export const DEFAULT_CONVERT_LIMITS: ConvertLimits = {
  maxTarBytes: 256 * 2 ** 30,
  maxTreeBytes: 768 * 2 ** 20,
};

const ENTRY_BYTES = 400;

export interface ConvertedLayer {
  readonly diffId: Digest;
  readonly tarBytes: number;
  readonly blobBytes: number;
  readonly inodes: number;
}

/**
 * Turns a layer as the registry has it (tar; plain, gzip or zstd) into the files of LAYER_FILES inside `folder`,
 * in one pass and bounded memory. The caller compares the diff id, and removes the folder when this throws:
 * `data_loss` for a damaged stream, `invalid_argument` for an entry that no image may hold, `resource_exhausted` past a limit.
 */
export async function convertLayer(
  layer: ByteSource | PullSource,
  folder: string,
  options: { readonly limits?: ConvertLimits; readonly signal?: AbortSignal } = {},
): Promise<ConvertedLayer> {
  const limits = options.limits ?? DEFAULT_CONVERT_LIMITS;
  await using blob = await open(join(folder, LAYER_FILES.blob), 'wx', 0o600);
  await using recipeFile = await open(join(folder, LAYER_FILES.recipe), 'wx', 0o600);
  const blobWriter = new BlobWriter(blob);
  const recipe = new StoredFrames(recipeFile);
  const visitor = new LayerVisitor(blobWriter, limits);
  const decoder = new TarDecoder(visitor);
  await using digester = new StreamDigester();
  let tarBytes = 0;
  const signal = options.signal ? { signal: options.signal } : {};
  for await (const bytes of decompress(layer, { maxBytes: limits.maxTarBytes, ...signal })) {
    tarBytes += bytes.byteLength;
    decoder.write(bytes);
    await digester.update(bytes);
    for (const piece of visitor.recipe.takePieces()) await recipe.append(piece);
    await blobWriter.drain();
  }
  decoder.end();
  visitor.end();
  for (const piece of visitor.recipe.finish()) await recipe.append(piece);
  const { chunks, blobBytes } = await blobWriter.finish();
  const storedRecipe = await recipe.finish();
  const diffId = await digester.finish();
  const image = encodeMetadata(visitor.tree, diffId, blobBytes);
  const metadata = await writeMetadata(folder, image.pieces());
  const { head } = encodeIndexHead({
    diffId,
    tarBytes,
    blobBytes,
    inodes: image.inodeCount,
    packs: [],
    chunks,
    impliedDirectories: visitor.tree.impliedDirectories(),
    metadataBytes: metadata.sizeBytes,
    storedMetadata: metadata.stored,
    storedRecipeBytes: storedRecipe.sizeBytes,
    recipeHash: storedRecipe.hash,
  });
  await using index = await open(join(folder, LAYER_FILES.index), 'wx', 0o600);
  await index.writeFile(head);
  return { diffId, tarBytes, blobBytes, inodes: image.inodeCount };
}

/** Feeds one tar into tree, blob and recipe. */
class LayerVisitor implements TarVisitor {
  readonly tree = new LayerTree();
  readonly recipe = new RecipeEncoder();
  readonly #blob: BlobWriter;
  readonly #limits: ConvertLimits;
  #treeBytes = 0;
  #fileBytes = 0;
  #file: OpenFile | undefined;

  constructor(blob: BlobWriter, limits: ConvertLimits) {
    this.#blob = blob;
    this.#limits = limits;
  }

  raw(bytes: Uint8Array): void {
    this.recipe.literal(bytes);
  }

  entry(entry: TarEntry): void {
    this.end();
    this.#account(entry);
    if (entry.kind !== 'file' || entry.sizeBytes === 0) return this.tree.add(entry, 0);
    const start = this.#blob.beginFile(entry.sizeBytes);
    this.tree.add(entry, start / BLOCK_BYTES);
    this.#file = { entry, start, written: 0, region: 0, regionWritten: 0 };
  }

  data(bytes: Uint8Array): void {
    const file = this.#file;
    if (!file) throw new TypeError('data without a file');
    if (file.entry.sparse) return this.#sparseData(file, file.entry.sparse, bytes);
    this.#store(file, bytes);
  }

  /** Closes the file that is open. */
  end(): void {
    if (!this.#file) return;
    this.#zeros(this.#file, this.#file.entry.sizeBytes);
    this.#blob.endFile();
    this.#file = undefined;
  }

  /** A sparse file says how large it is without having to bring the bytes. */
  #account(entry: TarEntry): void {
    const { kind, sizeBytes } = entry;
    const { maxTreeBytes, maxTarBytes } = this.#limits;
    this.#treeBytes += bytesOf(entry);
    if (this.#treeBytes + this.tree.impliedCount * ENTRY_BYTES > maxTreeBytes) {
      const cure = 'Spread the files over more layers';
      throw tooLarge(
        `its names and attributes take more than the allowed ${maxTreeBytes} bytes of memory`,
        cure,
      );
    }
    if (kind === 'file') this.#fileBytes += sizeBytes;
    if (this.#fileBytes > maxTarBytes)
      throw tooLarge(`its files have more than the allowed ${maxTarBytes} bytes`, RAISE_LIMIT);
  }

  #sparseData(file: OpenFile, regions: readonly SparseRegion[], bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) {
      const region = regions[file.region];
      if (!region)
        throw new CodedError('data_loss', 'Cannot unpack layer: a sparse file has more data than its map');
      if (file.regionWritten === 0) this.#zeros(file, region.offsetBytes);
      const part = bytes.subarray(at, at + region.sizeBytes - file.regionWritten);
      this.#store(file, part);
      at += part.byteLength;
      file.regionWritten += part.byteLength;
      if (file.regionWritten < region.sizeBytes) continue;
      file.regionWritten = 0;
      file.region++;
    }
  }

  #store(file: OpenFile, bytes: Uint8Array): void {
    this.recipe.data(bytes.byteLength, file.start + file.written);
    this.#blob.append(bytes);
    file.written += bytes.byteLength;
  }

  #zeros(file: OpenFile, end: number): void {
    if (file.written < end) this.#blob.appendZeros(end - file.written);
    file.written = Math.max(file.written, end);
  }
}

/** What an entry takes while the layer is converted. */
function bytesOf({ path, linkPath, xattrs }: TarEntry): number {
  let bytes = ENTRY_BYTES + path.length + linkPath.length;
  for (const [name, value] of xattrs) bytes += name.length + value.byteLength;
  return bytes;
}

const RAISE_LIMIT = 'Raise --max-layer-size if such a large layer is expected';

function tooLarge(why: string, cure: string): CodedError {
  return new CodedError('resource_exhausted', `Cannot unpack layer: ${why}`, { cure });
}

type SparseRegion = NonNullable<TarEntry['sparse']>[number];

interface OpenFile {
  readonly entry: TarEntry;
  readonly start: number;
  written: number;
  region: number;
  regionWritten: number;
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

function encodeMetadata(tree: LayerTree, diffId: Digest, blobBytes: number): EncodedImage {
  return encodeImage(tree.root, {
    blobBlocks: blocksOf(blobBytes),
    uuid: hashOf(diffId).subarray(0, 16),
    buildTime: 0,
  });
}

async function writeMetadata(
  folder: string,
  pieces: Iterable<Uint8Array>,
): Promise<{ sizeBytes: number; stored: Uint8Array }> {
  await using file = await open(join(folder, LAYER_FILES.metadata), 'wx', 0o600);
  const frames: Promise<Uint8Array>[] = [];
  let sizeBytes = 0;
  for (const piece of pieces) {
    sizeBytes += piece.byteLength;
    frames.push(compressChunk(piece));
    await file.writeFile(piece);
  }
  return { sizeBytes, stored: Buffer.concat(await Promise.all(frames)) };
}
