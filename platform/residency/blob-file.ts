import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { BlockBits } from '@lade/block-bits';
import { LAYER_FILES, MAX_CHUNK_BYTES, type ChunkTable } from '@lade/layers';
import type { Digest } from '@lade/oci';
import { readResidentRecord, writeResidentRecord, type RecordState } from './resident-record.ts';

const ZEROS = Buffer.alloc(MAX_CHUNK_BYTES);

export interface BlobFileOptions {
  readonly folder: string;
  readonly diffId: Digest;
  readonly table: ChunkTable;
  /** The present boot of the machine: what an earlier one had not synced may be torn. */
  readonly boot: string;
  /** The bitmaps that are shared already. What they call resident is, whatever the record says. */
  readonly bits?: BlockBits;
}

/** Makes a range of a file a hole. */
export type PunchHole = (fd: number, offset: number, length: number) => Promise<void>;

/**
 * The blob of a layer as a file, and the record of what is in it. A chunk of the file is resident (checked), suspect
 * (written at a time of which nothing is known: to be checked by its hash) or absent.
 */
export class BlobFile implements AsyncDisposable {
  readonly path: string;
  readonly bits: BlockBits;
  /** What the record said when the blob was opened. */
  readonly recordState: RecordState;
  /** Bytes that the file occupies. */
  allocatedBytes: number;
  readonly #options: BlobFileOptions;
  readonly #blob: FileHandle;
  readonly #record: FileHandle;
  readonly #owned: AsyncDisposable;
  readonly #suspect: Uint8Array;
  /** Chunks that should be in the file by what the record said. */
  readonly #promised: Uint8Array;
  #absentCount: number;
  #saving: Promise<void> = Promise.resolve();
  /** Writes and punches: how many have begun, and of them are under way. */
  #changes = { begun: 0, underWay: 0 };

  private constructor(
    options: BlobFileOptions,
    files: { readonly blob: FileHandle; readonly record: FileHandle; readonly owned: AsyncDisposableStack },
    found: { readonly state: RecordState; readonly chunks?: Uint8Array; readonly allocatedBytes: number },
  ) {
    const { table, folder } = options;
    this.#options = options;
    this.#blob = files.blob;
    this.#record = files.record;
    this.#owned = files.owned;
    this.path = join(folder, LAYER_FILES.blob);
    this.bits = options.bits ?? new BlockBits(table.blobBytes);
    this.recordState = found.state;
    this.allocatedBytes = found.allocatedBytes;
    this.#suspect = new Uint8Array(table.count).fill(found.allocatedBytes > 0 ? 1 : 0);
    this.#absentCount = table.count;
    this.#promised = found.chunks ?? new Uint8Array();
    const isTrusted = found.state !== 'outdated';
    for (let n = 0; n < table.count; n++) {
      const isPromised = this.#isPromised(n);
      if (isPromised) this.#suspect[n] = 1;
      if (!this.isResident(n) && !(isPromised && isTrusted)) continue;
      this.#absentCount--;
      this.#suspect[n] = 0;
      this.bits.resident.set(...this.#extent(n));
    }
  }

  /**
   * Opens the blob in `folder`, or makes an empty one. A blob has one owner at a time, who alone writes its record: a second
   * one waits here for the first to let go.
   */
  static async open(options: BlobFileOptions): Promise<BlobFile> {
    const { folder, diffId, table, boot } = options;
    await using stack = new AsyncDisposableStack();
    stack.use(await own(folder));
    const flags = constants.O_RDWR | constants.O_CREAT;
    const blob = stack.use(await open(join(folder, LAYER_FILES.blob), flags, 0o600));
    if ((await blob.stat()).size !== table.blobBytes) await blob.truncate(table.blobBytes);
    const { ctimeNs, blocks } = await blob.stat({ bigint: true });
    const path = join(folder, LAYER_FILES.resident);
    const now = { diffId, chunkCount: table.count, changedNs: ctimeNs, boot };
    const found = await readResidentRecord(path, now);
    const record = stack.use(await open(path, flags, 0o600));
    // An empty file would be damage to whoever comes after a crash.
    if (found.state === 'none') await writeResidentRecord(record, { ...now, chunks: new Uint8Array() });
    return new BlobFile(
      options,
      { blob, record, owned: stack.move() },
      { ...found, allocatedBytes: Number(blocks) * 512 },
    );
  }

  /** Whether open() would have to wait. */
  static isOwned(folder: string): boolean {
    return owners.has(folder);
  }

  get isWhole(): boolean {
    return this.#absentCount === 0;
  }

  isResident(number: number): boolean {
    return this.bits.resident.has(this.#options.table.offsetOf(number));
  }

  /** The chunk's bytes are checked and in the file: the kernel may see them from now on. */
  setResident(number: number): void {
    if (this.isResident(number)) return;
    this.#suspect[number] = 0;
    this.#absentCount--;
    this.bits.resident.set(...this.#extent(number));
  }

  /** The bytes stay as they are; the kernel has to ask for them again. */
  clearResident(number: number): void {
    if (!this.isResident(number)) return;
    this.#absentCount++;
    this.bits.resident.clear(...this.#extent(number));
  }

  isSuspect(number: number): boolean {
    return this.#suspect[number] === 1;
  }

  /** Whether the file has the chunk's very bytes, or has lost them. It is no longer suspect then. */
  async inspect(number: number): Promise<'sound' | 'absent' | 'damaged'> {
    const [start, end] = this.#extent(number);
    const bytes = Buffer.alloc(end - start);
    await readFully(this.#blob, bytes, start);
    this.#suspect[number] = 0;
    const { hash: expected, place } = this.#options.table.get(number);
    // Mostly it is a hole, and to see that is ten times cheaper than to hash it.
    if (place.kind !== 'zero' && ZEROS.subarray(0, bytes.byteLength).equals(bytes))
      return this.#isPromised(number) ? 'damaged' : 'absent';
    return hash('sha256', bytes, 'buffer').equals(expected) ? 'sound' : 'damaged';
  }

  async write(number: number, raw: Uint8Array): Promise<void> {
    const [start] = this.#extent(number);
    await this.#change(async () => {
      for (let at = 0; at < raw.byteLength;) {
        const { bytesWritten } = await this.#blob.write(raw, at, raw.byteLength - at, start + at);
        at += bytesWritten;
      }
      return raw.byteLength;
    });
  }

  /** Gives the room of a chunk back. Its record must have been saved as absent. */
  async punch(number: number, punchHole: PunchHole): Promise<void> {
    const [start, end] = this.#extent(number);
    await this.#change(async () => {
      await punchHole(this.#blob.fd, start, end - start);
      return start - end;
    });
  }

  /** Work that resolves to the bytes by which the file has grown. */
  async #change(work: () => Promise<number>): Promise<void> {
    this.#changes.begun++;
    this.#changes.underWay++;
    try {
      const grown = await work();
      this.allocatedBytes += grown;
    } finally {
      this.#changes.underWay--;
    }
  }

  /** Every chunk is in the file, as its writer knows; holds until the machine stops, and for ever once saved. */
  async vouch(): Promise<void> {
    for (let n = 0; n < this.#options.table.count; n++) this.setResident(n);
    await this.#writeRecord(this.#options.boot);
  }

  /** Puts what is resident at this moment on disk: bytes first, then the record of them. */
  save(): Promise<void> {
    const saving = this.#saving.then(() => this.#save());
    this.#saving = saving.catch(() => {});
    return saving;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#saving;
    await this.#owned[Symbol.asyncDispose]();
  }

  async #save(): Promise<void> {
    const chunks = this.#residentChunks();
    await this.#blob.sync();
    await this.#writeRecord(undefined, chunks);
  }

  async #writeRecord(boot: string | undefined, chunks = this.#residentChunks()): Promise<void> {
    const { diffId, table } = this.#options;
    const { begun, underWay } = this.#changes;
    const { ctimeNs, blocks } = await this.#blob.stat({ bigint: true });
    // Beside a change it may have that already, or not yet.
    if (underWay === 0 && begun === this.#changes.begun) this.allocatedBytes = Number(blocks) * 512;
    const record = { diffId, chunkCount: table.count, changedNs: ctimeNs, boot, chunks };
    await writeResidentRecord(this.#record, record);
  }

  #residentChunks(): Uint8Array {
    const chunks = Buffer.alloc(Math.ceil(this.#options.table.count / 8));
    for (let n = 0; n < this.#options.table.count; n++)
      if (this.isResident(n)) chunks[n >> 3] = (chunks[n >> 3] ?? 0) | (1 << (n & 7));
    return chunks;
  }

  #isPromised(number: number): boolean {
    return ((this.#promised[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
  }

  #extent(number: number): [start: number, end: number] {
    const { table } = this.#options;
    return [table.offsetOf(number), table.offsetOf(number + 1)];
  }
}

const owners = new Map<string, Promise<void>>();

async function own(folder: string): Promise<Disposable> {
  const before = owners.get(folder);
  const ours = Promise.withResolvers<void>();
  owners.set(folder, ours.promise);
  await before;
  return {
    [Symbol.dispose]: () => {
      if (owners.get(folder) === ours.promise) owners.delete(folder);
      ours.resolve();
    },
  };
}

/** Leaves zeros where the file is too short. */
async function readFully(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0, bytesRead = -1; at < bytes.byteLength && bytesRead !== 0; at += bytesRead)
    ({ bytesRead } = await file.read(bytes, at, bytes.byteLength - at, offset + at));
}
