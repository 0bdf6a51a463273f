import { CodedError } from '@lade/errors';
import type { TarEntry, TarVisitor } from '@lade/tar';
import type { BlobWriter } from './blob-writer.ts';
import { BLOCK_BYTES } from './chunk.ts';
import { LayerTree } from './layer-tree.ts';
import { RecipeEncoder } from './recipe.ts';

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

/** Feeds one tar into tree, blob and recipe. */
export class LayerVisitor implements TarVisitor {
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
