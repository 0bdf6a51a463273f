import { TarDecoder } from '@lade/tar';
import { BlobWriter, type StoreRun } from './blob-writer.ts';
import type { Chunk } from './chunk.ts';
import type { LayerTree } from './layer-tree.ts';
import { LayerVisitor, type ConvertLimits } from './layer-visitor.ts';

/** Where the parts of a layer go as they are laid out. */
export interface LayerStore {
  readonly storeBlob: StoreRun;
  /** Takes the next piece of the uncompressed tar recipe. */
  readonly storeRecipe: (piece: Uint8Array) => Promise<void>;
}

export interface LaidOutLayer {
  readonly tree: LayerTree;
  readonly tarBytes: number;
  readonly blobBytes: number;
  readonly chunks: readonly Chunk[];
}

/**
 * Lays a layer out, from its uncompressed tar: tree, blob, chunks and recipe. The same tar gives the same layout whoever
 * asks, to store it or to prove what is stored. Memory is bounded if every write is followed by `drain()`.
 */
export class LayerLayout {
  readonly #storeRecipe: LayerStore['storeRecipe'];
  readonly #blob: BlobWriter;
  readonly #visitor: LayerVisitor;
  readonly #decoder: TarDecoder;
  #tarBytes = 0;

  constructor(store: LayerStore, limits: ConvertLimits) {
    this.#storeRecipe = store.storeRecipe;
    this.#blob = new BlobWriter(store.storeBlob);
    this.#visitor = new LayerVisitor(this.#blob, limits);
    this.#decoder = new TarDecoder(this.#visitor);
  }

  /**
   * Takes the next piece of the tar, which stays the caller's. Throws `data_loss` for a malformed tar, `invalid_argument`
   * for an entry that no image may hold, `resource_exhausted` past a limit.
   */
  write(bytes: Uint8Array): void {
    this.#tarBytes += bytes.byteLength;
    this.#decoder.write(bytes);
  }

  /** Waits until little is left to be stored. Throws what storing failed with. */
  async drain(): Promise<void> {
    for (const piece of this.#visitor.recipe.takePieces()) await this.#storeRecipe(piece);
    await this.#blob.drain();
  }

  /** States that the tar is complete, and stores the rest. Throws as write() and drain() do. */
  async finish(): Promise<LaidOutLayer> {
    this.#decoder.end();
    this.#visitor.end();
    for (const piece of this.#visitor.recipe.finish()) await this.#storeRecipe(piece);
    const { chunks, blobBytes } = await this.#blob.finish();
    return { tree: this.#visitor.tree, tarBytes: this.#tarBytes, blobBytes, chunks };
  }
}
