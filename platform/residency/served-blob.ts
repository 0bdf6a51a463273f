import { join } from 'node:path';
import { BlockBits } from '@lade/block-bits';
import { ChunkTable, LAYER_FILES, readLocalIndex, type LayerIndex } from '@lade/layers';
import { allocatedBytes } from './allocated-bytes.ts';
import type { BackgroundFill } from './background-fill.ts';
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
  /** A blob that nobody asks for that long is closed. */
  readonly restAfterMs: number;
}

export interface Served {
  readonly blob: ServedBlob;
  readonly kernelPath: string;
}

/** The blob of a mounted layer, between the kernel's questions and its chunks. */
export class ServedBlob implements OnDemandFile, ColdBlob, AsyncDisposable {
  readonly number: number;
  readonly sizeBytes: number;
  readonly path: string;
  readonly #context: ServeContext;
  readonly #folder: string;
  readonly bits: BlockBits;
  readonly #readAhead: ReadAhead;
  readonly #restTimer: NodeJS.Timeout;
  /** Undefined while the blob is at rest, and costs no more than its bitmaps: whole, or not asked for. */
  #blob: ResidentBlob | undefined;
  #opening: Promise<ResidentBlob> | undefined;
  #closing: Promise<void> = Promise.resolve();
  #counted: Disposable | undefined;
  #readers = 0;
  #toldBytes = 0;
  #watched: Promise<void> | undefined;
  #isDisposed = false;
  #isSilent = false;

  private constructor(target: MountTarget, context: ServeContext) {
    this.number = target.number;
    this.sizeBytes = target.index.header.blobBytes;
    this.path = join(target.folder, LAYER_FILES.blob);
    this.#folder = target.folder;
    this.bits = new BlockBits(this.sizeBytes);
    this.#readAhead = new ReadAhead(this.sizeBytes);
    this.#context = context;
    this.#restTimer = setTimeout(() => this.#restIfIdle(), context.restAfterMs).unref();
  }

  /** Opens the blob and starts to serve it; also returns the path by which the kernel must open it. */
  static async open(target: MountTarget, context: ServeContext): Promise<Served> {
    const blob = new ServedBlob(target, context);
    const resident = await blob.#open(target.index);
    const kernelPath = await context.files.serve(blob);
    if (context.quota) blob.#counted = context.quota.add(blob);
    if (resident.isWhole) blob.whole();
    else {
      // It was whole to an earlier daemon, perhaps, and has been damaged since.
      context.catalogue.forgetBlob(resident.diffId);
      await context.files.setWhole(target.number, false);
      context.background.add(resident);
    }
    return { blob, kernelPath };
  }

  async fill(offset: number, length: number): Promise<void> {
    const { counters, foreground } = this.#context;
    using _ = foreground.enter();
    const started = performance.now();
    counters.waits++;
    this.#readers++;
    try {
      const blob = await this.open();
      const filled = blob.fill(offset, length);
      const { first, end } = blob.table.range(offset, length);
      this.#bringAhead(blob, this.#readAhead.missed(blob.table.offsetOf(first), blob.table.offsetOf(end)));
      await filled;
    } finally {
      this.#readers--;
      counters.waitMs += performance.now() - started;
    }
  }

  reached(offset: number): void {
    if (this.#blob) this.#bringAhead(this.#blob, this.#readAhead.reached(offset));
  }

  /** The blob, opened again where it rests. */
  async open(): Promise<ResidentBlob> {
    this.#restTimer.refresh();
    if (this.#blob) return this.#blob;
    this.#opening ??= this.#reopen().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  /** Whether the kernel reads the blob without asking. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Every chunk is here and on disk: no more questions. */
  whole(): void {
    const blob = this.#blob;
    if (!blob || this.#isDisposed) return;
    const { files, catalogue, background } = this.#context;
    background.remove(blob);
    if (!catalogue.hasBlob(blob.diffId)) catalogue.addBlob(blob.diffId, blob.table);
    this.#close(blob, async () => {
      await files.setWhole(this.number, true);
      this.#isSilent = true;
      this.#watched = undefined;
    });
  }

  /** Bytes on disk that the table of layers does not know of yet. */
  get untoldBytes(): number {
    return this.#blob ? this.#blob.allocatedBytes - this.#toldBytes : 0;
  }

  async arm(): Promise<ResidentBlob | undefined> {
    const { files, log } = this.#context;
    try {
      const blob = await this.open();
      await files.setWhole(this.number, false);
      this.#isSilent = false;
      return blob;
    } catch (error) {
      log.debug('chunks of a mounted layer cannot be evicted', { path: this.path, error });
      return undefined;
    }
  }

  get watched(): Promise<void> | undefined {
    return this.#watched;
  }

  async watch(signal: AbortSignal): Promise<void> {
    this.bits.touched.clear(0, this.sizeBytes);
    const watching = this.#context.files.drained({ signal });
    this.#watched = watching;
    watching.catch(() => {
      if (this.#watched === watching) this.#watched = undefined;
    });
    return watching;
  }

  rest(): void {
    this.whole();
  }

  /** Ends the service; what is here is on disk then. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    clearTimeout(this.#restTimer);
    this.#counted?.[Symbol.dispose]();
    const blob = this.#blob ?? (await this.#opening?.catch(() => undefined));
    if (blob) this.#context.background.remove(blob);
    await blob?.[Symbol.asyncDispose]();
    await this.#closing;
  }

  /** Nobody has asked for a while: the next one waits for the table to be read again. */
  #restIfIdle(): void {
    const blob = this.#blob;
    if (!blob || this.#isDisposed) return;
    if (this.#readers > 0 || this.#context.background.has(blob)) this.#restTimer.refresh();
    else this.#close(blob);
  }

  #close(blob: ResidentBlob, then = async (): Promise<void> => {}): void {
    this.#blob = undefined;
    this.#closing = this.#closing
      .then(async () => blob[Symbol.asyncDispose]())
      .then(then)
      .catch((error: unknown) => {
        this.#context.log.warn('blob cannot be closed', { diffId: blob.diffId, error });
      });
  }

  async #reopen(): Promise<ResidentBlob> {
    await this.#closing;
    return this.#open(await readLocalIndex(this.#folder));
  }

  async #open(index: LayerIndex): Promise<ResidentBlob> {
    const { diffId } = index.header;
    const [folder, bits, { boot, table: layers }] = [this.#folder, this.bits, this.#context];
    const table = ChunkTable.of(index);
    const onWhole = (): void => this.whole();
    const onSaved = async (): Promise<void> => {
      const told = blob.allocatedBytes;
      // The folder is gone when the layer was removed meanwhile.
      const bytes = await allocatedBytes(folder).catch(() => undefined);
      if (bytes === undefined) return;
      this.#toldBytes = told;
      layers.setDiskBytes(diffId, bytes);
    };
    const options = { folder, diffId, table, bits, boot, onWhole, onSaved };
    const blob = await ResidentBlob.open(options, this.#context);
    this.#toldBytes = blob.allocatedBytes;
    this.#blob = blob;
    return blob;
  }

  #bringAhead(blob: ResidentBlob, window: Window | undefined): void {
    if (!window) return;
    this.bits.markers.set(window.marker, window.marker + 1);
    blob.fill(window.start, window.end - window.start, { urgency: 'ahead' }).catch((error: unknown) => {
      this.#context.log.debug('reading ahead failed', { diffId: blob.diffId, error });
    });
  }
}
