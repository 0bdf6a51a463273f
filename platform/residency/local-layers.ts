import { existsSync, renameSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@lade/errors';
import {
  LAYER_FILES,
  claimOf,
  convertLayer,
  metadataDigest,
  readLocalIndex,
  type ChunkCatalogue,
  type ConvertOptions,
  type LayerIndex,
} from '@lade/layers';
import type { Logger } from '@lade/log';
import { hexOf, type Digest } from '@lade/oci';
import type { ByteSource, PullSource } from '@lade/streams';
import { allocatedBytes } from './allocated-bytes.ts';
import { bringBackRecipe } from './bring-back-recipe.ts';
import type { FillModes, MountTarget } from './fill-mode.ts';
import type { InspectedLayer } from './inspected-layer.ts';
import type { LayerIndexes } from './layer-indexes.ts';
import { LayerMountPoints, type ErofsMounter } from './layer-mounts.ts';
import type { LayerSync } from './layer-sync.ts';
import type { LayerRow, LayerTable } from './layer-table.ts';
import { hasSoundMetadata, writeMetadata } from './metadata-image.ts';
import type { ResidencyCounters } from './residency-counters.ts';

export interface LocalLayersOptions {
  readonly root: string;
  readonly table: LayerTable;
  readonly catalogue: ChunkCatalogue;
  readonly mounter: ErofsMounter;
  readonly modes: FillModes;
  readonly sync: LayerSync;
  readonly indexes: LayerIndexes;
  readonly counters: ResidencyCounters;
  readonly log: Logger;
  /** Layers that the bucket may still lack; they are never removed. */
  readonly isWaiting: (diffId: Digest) => boolean;
}

/** A layer that cannot be removed until it is disposed. */
export interface PinnedLayer extends Disposable {
  readonly diffId: Digest;
  readonly tarBytes: number;
}

/** The layers of this node: folders below `<root>/layers`, rows in the state database, mounts below `<root>/mounts`. */
export class LocalLayers {
  readonly #options: LocalLayersOptions;
  readonly #folder: string;
  readonly #mounts: LayerMountPoints;
  readonly #pins = new Map<Digest, number>();
  /** Layers whose metadata image this process has written or checked. */
  readonly #sound = new Set<Digest>();
  #works = 0;

  private constructor(options: LocalLayersOptions, folder: string, mounts: LayerMountPoints) {
    this.#options = options;
    this.#folder = folder;
    this.#mounts = mounts;
  }

  /** Opens what is there; folders and mounts that no row knows are the remains of a crash, and go. */
  static async open(options: LocalLayersOptions): Promise<LocalLayers> {
    const folder = join(options.root, 'layers');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const rows = options.table.list();
    const numbers = new Set(rows.map(({ number }) => number));
    const mounts = await LayerMountPoints.open(join(options.root, 'mounts'), numbers, options);
    const known = new Set(rows.map(({ diffId }) => hexOf(diffId)));
    for (const name of await readdir(folder)) {
      if (!known.has(name)) await rm(join(folder, name), { recursive: true, force: true });
    }
    const layers = new LocalLayers(options, folder, mounts);
    await layers.#takeOver(rows);
    return layers;
  }

  has(diffId: Digest): boolean {
    return this.#options.table.get(diffId) !== undefined;
  }

  list(): LayerRow[] {
    return this.#options.table.list();
  }

  folderOf(diffId: Digest): string {
    return join(this.#folder, hexOf(diffId));
  }

  /** Keeps a layer from being removed. Throws `not_found` for one that is not here. */
  pin(diffId: Digest): PinnedLayer {
    const { tarBytes } = this.#row(diffId);
    this.#pins.set(diffId, (this.#pins.get(diffId) ?? 0) + 1);
    return {
      diffId,
      tarBytes,
      [Symbol.dispose]: () => {
        const left = (this.#pins.get(diffId) ?? 1) - 1;
        if (left === 0) this.#pins.delete(diffId);
        else this.#pins.set(diffId, left);
      },
    };
  }

  /** Converts a layer as the registry has it. Throws as convertLayer() does, and leaves nothing behind then. */
  async convert(layer: ByteSource | PullSource, options: ConvertOptions): Promise<PinnedLayer> {
    const { sync } = this.#options;
    const converted = await this.#build('converted', async (folder) => {
      await convertLayer(layer, folder, options);
      const index = await readLocalIndex(folder);
      await sync.vouch(folder, index);
      return { index, isWhole: true };
    });
    sync.syncLater(this.folderOf(converted.diffId));
    return converted;
  }

  /** The bucket has the layer, and fetch() follows as soon as its index is here. */
  announce(diffId: Digest): void {
    this.#options.modes.current.announce(diffId);
  }

  /** Takes a published layer from the bucket, its blob as far as the fill mode wants it. */
  async fetch(index: LayerIndex, options: { readonly signal?: AbortSignal }): Promise<PinnedLayer> {
    if (this.has(index.header.diffId)) return this.pin(index.header.diffId);
    const fetched = await this.#build('fetched', async (folder) => {
      await writeFile(join(folder, LAYER_FILES.index), index.head, { mode: 0o600, flush: true });
      await writeMetadata(index, join(folder, LAYER_FILES.metadata));
      return { index, ...(await this.#options.modes.current.prepare({ index, folder }, options)) };
    });
    void this.#expect(fetched.diffId);
    return fetched;
  }

  /** Directory where the layer is mounted; mounts it if needed. */
  async mount(diffId: Digest): Promise<string> {
    const row = this.#row(diffId);
    if (!this.#mounts.has(row.number)) this.#options.table.markUsed(diffId);
    return this.#mounts.mount(row, () => this.#target(row));
  }

  /** The layer that mount() has put there. */
  layerAt(directory: string): Digest | undefined {
    const number = this.#mounts.numberAt(directory);
    return this.#options.table.list().find((row) => row.number === number)?.diffId;
  }

  /** Whether the layer is mounted, or about to be. */
  isMounted(diffId: Digest): boolean {
    const row = this.#options.table.get(diffId);
    return row !== undefined && this.#mounts.has(row.number);
  }

  usage(diffId: Digest): { readonly sizeBytes: number; readonly inodes: number } {
    const { diskBytes, inodes } = this.#row(diffId);
    return { sizeBytes: diskBytes, inodes };
  }

  /** Throws `not_found`. */
  async inspect(diffId: Digest): Promise<InspectedLayer> {
    const row = this.#row(diffId);
    const { modes, catalogue, indexes } = this.#options;
    const folder = this.folderOf(diffId);
    const mounted = await this.#mounts.modeOf(row.number);
    const mode = (mounted && modes.find(mounted)) ?? modes.current;
    const [served, isWhole] = [await mode.served(diffId), catalogue.hasBlob(diffId)];
    return { row, folder, served, isWhole, readIndex: async () => indexes.read(row, folder) };
  }

  /** Byte-string paths of the directories that the layer's tar did not name. */
  impliedDirectories(diffId: Digest): readonly string[] {
    return this.#row(diffId).impliedDirectories;
  }

  /** Removes the layers that nobody refers to, that are not pinned and that wait for no upload. */
  async retain(isReferenced: (diffId: Digest) => boolean): Promise<void> {
    for (const row of this.#options.table.list()) {
      const { diffId } = row;
      if (isReferenced(diffId) || this.#pins.has(diffId) || this.#options.isWaiting(diffId)) continue;
      const discarded = this.#discard(diffId);
      await this.#mounts.unmount(row);
      await this.#options.modes.current.detach(diffId);
      await rm(discarded, { recursive: true, force: true });
      this.#options.log.info('layer removed from this node', { diffId });
    }
  }

  #row(diffId: Digest): LayerRow {
    const row = this.#options.table.get(diffId);
    if (row) return row;
    throw new CodedError('not_found', `Cannot find layer ${diffId} on this node`, {
      cure: 'See what is here with lade layers; an image that lacks it comes back with lade rmi and lade pull',
      details: { localLayer: 'gone' },
    });
  }

  /** Holds nothing up: a layer that is removed meanwhile is an error that nobody minds. */
  async #expect(diffId: Digest): Promise<void> {
    const { modes, log } = this.#options;
    try {
      await modes.current.expect(await this.#target(this.#row(diffId)));
    } catch (error) {
      log.debug('layer cannot be served yet', { diffId, error });
    }
  }

  /** Goes on to serve the mounts that an earlier daemon left. */
  async #takeOver(rows: readonly LayerRow[]): Promise<void> {
    const { modes, log, sync } = this.#options;
    for (const row of rows) {
      const { diffId, origin, number } = row;
      if (origin === 'converted') sync.syncLater(this.folderOf(diffId));
      const name = await this.#mounts.modeOf(number);
      if (!name) continue;
      this.#sound.add(diffId);
      await this.#target(row)
        .then(async (target) => modes.find(name)?.attach(target))
        .catch((error: unknown) => log.error('mounted layer cannot be served', { diffId, error }));
    }
  }

  /** With a metadata image that is what the index says, whatever has happened to the file. */
  async #target({ diffId, number }: LayerRow): Promise<MountTarget> {
    const folder = this.folderOf(diffId);
    const readIndex = async (): Promise<LayerIndex> => this.#options.indexes.read(this.#row(diffId), folder);
    const index = await readIndex();
    const metadata = join(folder, LAYER_FILES.metadata);
    if (!this.#sound.has(diffId) && !(await hasSoundMetadata(index, metadata))) {
      const { log, counters } = this.#options;
      counters.verificationFailures++;
      log.error('metadata image is damaged, it is written again', { diffId, path: metadata });
      await writeMetadata(index, metadata);
      counters.healed++;
    }
    this.#sound.add(diffId);
    return { folder, index, number, readIndex };
  }

  /** Without a pause, so that the layer can be built anew at any time after; returns its folder under another name. */
  #discard(diffId: Digest): string {
    const discarded = join(this.#folder, `.old-${process.pid}-${++this.#works}`);
    this.#sound.delete(diffId);
    this.#options.table.remove(diffId);
    this.#options.catalogue.forgetBlob(diffId);
    if (existsSync(this.folderOf(diffId))) renameSync(this.folderOf(diffId), discarded);
    return discarded;
  }

  /** Builds a layer in a folder of its own; the rename and then the row make it exist. */
  async #build(
    origin: LayerRow['origin'],
    work: (folder: string) => Promise<{ readonly index: LayerIndex; readonly isWhole: boolean }>,
  ): Promise<PinnedLayer> {
    const folder = join(this.#folder, `.new-${process.pid}-${++this.#works}`);
    await mkdir(folder, { mode: 0o700 });
    try {
      const { index, isWhole } = await work(folder);
      const { diffId } = index.header;
      const diskBytes = await allocatedBytes(folder);
      const claim = claimOf(index, await metadataDigest(index));
      if (!this.has(diffId)) this.#adopt(folder, index, { origin, diskBytes, isWhole, claim });
      using owned = new DisposableStack();
      const layer = owned.use(this.pin(diffId));
      if (origin === 'converted') await bringBackRecipe(folder, this.folderOf(diffId));
      owned.move();
      return layer;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Without a pause between rename and row, so that two builds of one layer cannot both win. */
  #adopt(
    folder: string,
    index: LayerIndex,
    built: Pick<LayerRow, 'origin' | 'diskBytes' | 'claim'> & { readonly isWhole: boolean },
  ): void {
    const { diffId, tarBytes, blobBytes, inodes } = index.header;
    const { isWhole, ...rest } = built;
    const { impliedDirectories } = index;
    const indexDigest = index.digest;
    const row = { diffId, tarBytes, blobBytes, inodes, impliedDirectories, indexDigest, ...rest };
    renameSync(folder, this.folderOf(diffId));
    try {
      this.#options.table.insert(row);
    } catch (reason) {
      renameSync(this.folderOf(diffId), folder);
      throw reason;
    }
    this.#sound.add(diffId);
    if (isWhole) this.#options.catalogue.addBlob(diffId, index.chunks);
  }
}
