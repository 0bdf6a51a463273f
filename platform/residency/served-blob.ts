import { join } from 'node:path';
import { ChunkTable, LAYER_FILES, readLocalIndex, type LayerIndex } from '@lade/layers';
import { allocatedBytes } from './allocated-bytes.ts';
import type { BackgroundFill } from './background-fill.ts';
import { BlockBits } from './block-bits.ts';
import type { ColdBlob } from './evict-cold.ts';
import type { MountTarget } from './fill-mode.ts';
import type { Foreground } from './foreground.ts';
import type { OnDemandFile, OnDemandFiles } from './on-demand-files.ts';
import type { Residency } from './open-residency.ts';
import { ReadAhead, type Window } from './read-ahead.ts';
import { ResidentBlob } from './resident-blob.ts';

/** What the blobs of a lazy mode share. */
export interface ServeContext extends Residency {
  readonly files: OnDemandFiles;
  readonly foreground: Foreground;
  readonly background: BackgroundFill;
}

export interface Served {
  readonly blob: ServedBlob;
  readonly kernelPath: string;
}

/** The blob of a mounted layer, between the kernel's questions and its chunks. Once it is whole it costs next to nothing. */
export class ServedBlob implements OnDemandFile, ColdBlob, AsyncDisposable {
  readonly number: number;
  readonly sizeBytes: number;
  readonly path: string;
  readonly #context: ServeContext;
  readonly #folder: string;
  readonly #bits: BlockBits;
  readonly #readAhead: ReadAhead;
  /** Undefined while the blob is whole and at rest. */
  #blob: ResidentBlob | undefined;
  #opening: Promise<ResidentBlob> | undefined;
  #closing: Promise<void> = Promise.resolve();
  #counted: Disposable | undefined;
  #toldBytes = 0;
  #isDisposed = false;

  private constructor(target: MountTarget, context: ServeContext) {
    this.number = target.number;
    this.sizeBytes = target.index.header.blobBytes;
    this.path = join(target.folder, LAYER_FILES.blob);
    this.#folder = target.folder;
    this.#bits = new BlockBits(this.sizeBytes);
    this.#readAhead = new ReadAhead(this.sizeBytes);
    this.#context = context;
  }

  /** Opens the blob and starts to serve it; also returns the path by which the kernel must open it. */
  static async open(target: MountTarget, context: ServeContext): Promise<Served> {
    const blob = new ServedBlob(target, context);
    const resident = await blob.#open(target.index);
    const kernelPath = await context.files.serve(blob);
    if (context.quota) blob.#counted = context.quota.add(blob);
    if (resident.isWhole) blob.whole();
    else context.background.add(resident);
    return { blob, kernelPath };
  }

  get bits(): SharedArrayBuffer {
    return this.#bits.shared;
  }

  async fill(offset: number, length: number): Promise<void> {
    const { counters, foreground } = this.#context;
    using _ = foreground.enter();
    const started = performance.now();
    counters.waits++;
    try {
      const blob = await this.open();
      const filled = blob.fill(offset, length);
      const { first, end } = blob.table.range(offset, length);
      this.#bringAhead(blob, this.#readAhead.missed(blob.table.offsetOf(first), blob.table.offsetOf(end)));
      await filled;
    } finally {
      counters.waitMs += performance.now() - started;
    }
  }

  reached(offset: number): void {
    if (this.#blob) this.#bringAhead(this.#blob, this.#readAhead.reached(offset));
  }

  /** The blob, opened again where it rests. */
  async open(): Promise<ResidentBlob> {
    if (this.#blob) return this.#blob;
    this.#opening ??= this.#reopen().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  /** Every chunk is here and on disk: no more questions, and no more table in memory. */
  whole(): void {
    const blob = this.#blob;
    if (!blob || this.#isDisposed) return;
    const { files, catalogue, background, log } = this.#context;
    this.#blob = undefined;
    background.remove(blob);
    catalogue.addBlob(blob.diffId, blob.table);
    this.#closing = this.#closing
      .then(async () => blob[Symbol.asyncDispose]())
      .then(async () => files.setWhole(this.number, true))
      .catch((error: unknown) => log.warn('blob cannot be closed', { diffId: blob.diffId, error }));
  }

  /** Bytes on disk that the table of layers does not know of yet. */
  get untoldBytes(): number {
    return this.#blob ? this.#blob.allocatedBytes - this.#toldBytes : 0;
  }

  async arm(): Promise<ResidentBlob> {
    const blob = await this.open();
    await this.#context.files.setWhole(this.number, false);
    return blob;
  }

  rest(): void {
    this.whole();
  }

  /** Ends the service. What is on its way still comes; what is here is on disk then. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#counted?.[Symbol.dispose]();
    const blob = this.#blob ?? (await this.#opening?.catch(() => undefined));
    if (blob) this.#context.background.remove(blob);
    await blob?.[Symbol.asyncDispose]();
    await this.#closing;
  }

  async #reopen(): Promise<ResidentBlob> {
    await this.#closing;
    return this.#open(await readLocalIndex(this.#folder));
  }

  async #open(index: LayerIndex): Promise<ResidentBlob> {
    const { diffId } = index.header;
    const [folder, bits, { boot, table: layers }] = [this.#folder, this.#bits, this.#context];
    const table = ChunkTable.of(index);
    const onWhole = (): void => this.whole();
    const onSaved = (): void => {
      this.#toldBytes = blob.allocatedBytes;
      layers.setDiskBytes(diffId, otherBytes + this.#toldBytes);
    };
    const options = { folder, diffId, table, bits, boot, onWhole, onSaved };
    const blob = await ResidentBlob.open(options, this.#context);
    const otherBytes = (await allocatedBytes(folder)) - blob.allocatedBytes;
    this.#toldBytes = blob.allocatedBytes;
    this.#blob = blob;
    return blob;
  }

  #bringAhead(blob: ResidentBlob, window: Window | undefined): void {
    if (!window) return;
    this.#bits.markers.set(window.marker, window.marker + 1);
    blob.fill(window.start, window.end - window.start, { urgency: 'ahead' }).catch((error: unknown) => {
      this.#context.log.debug('reading ahead failed', { diffId: blob.diffId, error });
    });
  }
}
