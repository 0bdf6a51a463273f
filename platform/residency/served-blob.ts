import { join } from 'node:path';
import { BlockBits } from '@lade/block-bits';
import { addDuration } from '@lade/durations';
import { ChunkTable, LAYER_FILES, type LayerIndex } from '@lade/layers';
import { absentBytes } from './absent-bytes.ts';
import { allocatedBytes } from './allocated-bytes.ts';
import type { ColdBlob } from './evict-cold.ts';
import type { Digest } from '@lade/oci';
import { orAbort } from '@lade/streams';
import { bringAhead } from './bring-ahead.ts';
import type { MountTarget, SeenBlob } from './fill-mode.ts';
import type { FillSpan } from './fill-spans.ts';
import { countWait } from './count-wait.ts';
import type { FileRead, OnDemandFile } from './on-demand-files.ts';
import { prepareStart, type StartedBlob } from './hot-start.ts';
import { ReadAhead, type Window } from './read-ahead.ts';
import type { WaitCause } from './read-waits.ts';
import { ResidentBlob } from './resident-blob.ts';
import type { ServeContext } from './serve-context.ts';
import { StartWatch } from './start-watch.ts';

export interface Served {
  readonly blob: ServedBlob;
  readonly kernelPath: string;
}

/** The blob of a mounted layer, between the kernel's questions and its chunks. */
export class ServedBlob implements OnDemandFile, ColdBlob, StartedBlob, SeenBlob, AsyncDisposable {
  readonly number: number;
  readonly diffId: Digest;
  readonly sizeBytes: number;
  readonly path: string;
  readonly #context: ServeContext;
  readonly #folder: string;
  readonly #readIndex: MountTarget['readIndex'];
  readonly bits: BlockBits;
  readonly waited = { waits: 0, waitMs: 0 };
  readonly #readAhead: ReadAhead;
  readonly #restTimer: NodeJS.Timeout;
  /** Undefined while the blob is at rest, and costs no more than its bitmaps: whole, or not asked for. */
  #blob: ResidentBlob | undefined;
  #opening: Promise<ResidentBlob> | undefined;
  #closing: Promise<void> = Promise.resolve();
  #counted: Disposable | undefined;
  #readers = 0;
  #toldBytes = 0;
  readonly #end = new AbortController();
  readonly #start = new StartWatch();
  #isPrepared = false;
  #starting: Promise<void> | undefined;
  #isWhole = false;
  /** Whoever wants to hear of every read, though the blob is whole. */
  #listeners = 0;
  #watched: Promise<void> | undefined;
  #isSilent = false;
  readonly #staysWhole = Promise.withResolvers<void>();

  private constructor(target: MountTarget, context: ServeContext) {
    this.number = target.number;
    this.diffId = target.index.header.diffId;
    this.sizeBytes = target.index.header.blobBytes;
    this.path = join(target.folder, LAYER_FILES.blob);
    this.#folder = target.folder;
    this.#readIndex = async () => target.readIndex();
    this.bits = new BlockBits(this.sizeBytes);
    this.#readAhead = new ReadAhead(this.sizeBytes);
    this.#context = context;
    this.#restTimer = setTimeout(() => this.#restIfIdle(), context.restAfterMs).unref();
  }

  /** Opens the blob and starts to serve it; also returns the path by which the kernel must open it. */
  static async open(target: MountTarget, context: ServeContext): Promise<Served> {
    await using stack = new AsyncDisposableStack();
    const blob = stack.use(new ServedBlob(target, context));
    const resident = await blob.#open(target.index);
    const kernelPath = await context.files.serve(blob);
    stack.defer(async () => context.files.forget(blob.number));
    if (context.quota) blob.#counted = context.quota.add(blob);
    if (resident.isWhole) blob.whole();
    else {
      // It was whole to an earlier daemon, perhaps, and has been damaged since.
      context.catalogue.forgetBlob(resident.diffId);
      await context.files.setWhole(target.number, false);
    }
    stack.move();
    if (blob.sizeBytes > 0) blob.#starting = blob.#prepareStart();
    // It yields to the start from the first moment on.
    if (!resident.isWhole) context.background.add(resident);
    return { blob, kernelPath };
  }

  async fill(offset: number, length: number, reader: string): Promise<void> {
    const { counters, foreground, reads } = this.#context;
    const span = this.#context.fillSpans?.begin(reader);
    using _ = foreground.enter();
    let [filledBytes, cause]: [number, WaitCause] = [0, 'failed'];
    using wait = countWait(counters, this.waited);
    this.#start.noticeRead();
    this.#readers++;
    try {
      const blob = await this.open();
      filledBytes = absentBytes(blob, offset, length);
      const bringing = span?.around(async () => blob.fill(offset, length)) ?? blob.fill(offset, length);
      const { first, end } = blob.table.range(offset, length);
      const window = this.#readAhead.missed(blob.table.offsetOf(first), blob.table.offsetOf(end));
      this.#bringAhead(blob, window, span);
      cause = (await bringing) ?? 'none';
    } catch (reason) {
      span?.fail(reason);
      throw reason;
    } finally {
      span?.end({ diffId: this.diffId, offset, length, filledBytes });
      this.#readers--;
      addDuration(counters.readWaits[cause], wait.ms);
      reads.waited(this, { offset, length, reader }, { ms: wait.ms, filledBytes });
    }
  }

  read({ requests, ...read }: FileRead & { readonly requests: number }): void {
    this.#context.reads.read(this, read, requests);
  }

  reached(offset: number): void {
    this.#start.noticeRead();
    if (this.#blob) this.#bringAhead(this.#blob, this.#readAhead.reached(offset));
  }

  /** The blob, opened again where it rests. */
  async open(): Promise<ResidentBlob> {
    this.#restTimer.refresh();
    if (this.#blob) return this.#blob;
    this.#opening ??= this.#reopen().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  /** Resolves a while after the first read, and as soon as the kernel reads without asking. */
  get started(): Promise<void> {
    return this.#start.over;
  }

  /** Resolves when the kernel reads the blob without asking; never where a quota may take chunks away again. */
  get staysWhole(): Promise<void> {
    return this.#staysWhole.promise;
  }

  /** Whether the kernel reads the blob without asking. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Every chunk is here and on disk: no more questions. */
  whole(): void {
    const blob = this.#blob;
    if (!blob || this.#end.signal.aborted) return;
    const { catalogue, background } = this.#context;
    this.#isWhole = true;
    background.remove(blob);
    if (!catalogue.hasBlob(blob.diffId)) catalogue.addBlob(blob.diffId, blob.table);
    this.#close(blob, async () => this.#beSilent());
  }

  /** Bytes on disk that the table of layers does not know of yet. */
  get untoldBytes(): number {
    return this.#blob ? this.#blob.allocatedBytes - this.#toldBytes : 0;
  }

  async arm(): Promise<ResidentBlob | undefined> {
    try {
      const blob = await this.open();
      this.#isWhole = false;
      await this.#beHeard();
      return blob;
    } catch (error) {
      this.#context.log.debug('chunks of a mounted layer cannot be evicted', { path: this.path, error });
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

  async firstRead(signal: AbortSignal): Promise<AsyncDisposable> {
    const listening = {
      [Symbol.asyncDispose]: async () => {
        this.#listeners--;
        await this.#beSilent();
      },
    };
    this.#listeners++;
    await using stack = new AsyncDisposableStack();
    stack.use(listening);
    await this.#beHeard();
    await orAbort(this.#start.firstRead, signal);
    stack.move();
    return listening;
  }

  async #beHeard(): Promise<void> {
    await this.#context.files.setWhole(this.number, false);
    this.#isSilent = false;
  }

  async #prepareStart(): Promise<void> {
    void this.#start.follow(this.bits, this.sizeBytes, this.#context.startMs);
    await prepareStart(this, this.#context, this.#end.signal);
    this.#isPrepared = true;
    if (this.#isSilent) this.#start.end();
  }

  /** A whole blob that nobody listens to raises no questions. */
  async #beSilent(): Promise<void> {
    if (!this.#isWhole || this.#listeners > 0 || this.#end.signal.aborted) return;
    await this.#context.files.setWhole(this.number, true);
    this.#isSilent = true;
    if (!this.#counted) this.#staysWhole.resolve();
    if (this.#isPrepared) this.#start.end();
    this.#watched = undefined;
  }

  rest(): void {
    this.whole();
  }

  /** Ends the service; what is here is on disk then. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    clearTimeout(this.#restTimer);
    await this.#starting;
    this.#counted?.[Symbol.dispose]();
    const blob = this.#blob ?? (await this.#opening?.catch(() => undefined));
    if (blob) this.#context.background.remove(blob);
    await blob?.[Symbol.asyncDispose]();
    await this.#closing;
  }

  /** Nobody has asked for a while: the next one waits for the table to be read again. */
  #restIfIdle(): void {
    const blob = this.#blob;
    if (!blob || this.#end.signal.aborted) return;
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
    return this.#open(await this.#readIndex());
  }

  async #open(index: LayerIndex): Promise<ResidentBlob> {
    const { diffId } = index.header;
    const [folder, bits, { boot, table: layers }] = [this.#folder, this.bits, this.#context];
    const table = ChunkTable.of(index);
    const onWhole = (): void => this.whole();
    const onSaved = async (): Promise<void> => {
      // The folder is gone when the layer was removed meanwhile.
      const others = await allocatedBytes(folder, LAYER_FILES.blob).catch(() => undefined);
      if (others === undefined) return;
      // Without a pause, so that no byte counts twice or not at all.
      this.#toldBytes = blob.allocatedBytes;
      layers.setDiskBytes(diffId, others + this.#toldBytes);
    };
    const options = { folder, diffId, table, bits, boot, onWhole, onSaved };
    const blob = await ResidentBlob.open(options, this.#context);
    // Opening may have written the first record.
    await onSaved();
    this.#toldBytes = blob.allocatedBytes;
    this.#blob = blob;
    return blob;
  }

  #bringAhead(blob: ResidentBlob, window: Window | undefined, span?: FillSpan): void {
    if (!window) return;
    this.bits.markers.set(window.marker, window.marker + 1);
    bringAhead(blob, window, { log: this.#context.log, span });
  }
}
