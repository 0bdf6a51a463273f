import type { FileHandle } from 'node:fs/promises';
import { nowNs, storableLabels, type Labels } from '@lade/containerd-store';
import { CodedError, wrapError } from '@lade/errors';
import { algorithmOf, RunningDigest, type ContentDigest } from './content-digest.ts';
import type { IngestStatus } from './content-info.ts';
import type { IngestRow } from './ingest-table.ts';
import { readFile } from './read-file.ts';

/** Bytes after which the disk starts to write: what a commit has left to wait for is bounded by it. */
const SYNC_BYTES = 32 << 20;

export interface CommitRequest {
  /** 0: whatever was written. */
  readonly sizeBytes: number;
  readonly expected: ContentDigest | undefined;
  readonly labels: Labels;
}

/** What becomes of an ingest whose bytes are on disk. */
export interface IngestEnd {
  /** Makes it content. Throws `already_exists` and drops it when containerd knows such content, `aborted` when it is gone. */
  commit(row: IngestRow, digest: ContentDigest, content: { sizeBytes: number; labels: Labels }): void;
  /** Somebody else may open it. */
  release(row: IngestRow, updatedAt: bigint): void;
}

/** The one writer of an ingest. Disposing keeps what was written for the next one. */
export class IngestWriter implements AsyncDisposable {
  readonly #row: IngestRow;
  readonly #file: FileHandle;
  readonly #end: IngestEnd;
  #digest: RunningDigest;
  #offset: number;
  #updatedAt: bigint;
  #unsyncedBytes = 0;
  #syncing: Promise<void> | undefined;
  #failure: CodedError | undefined;
  #isOpen = true;

  /** `digest` is of the `offset` bytes that the file has. */
  constructor(
    row: IngestRow,
    state: { readonly file: FileHandle; readonly digest: RunningDigest; readonly offset: number },
    end: IngestEnd,
  ) {
    this.#row = row;
    this.#file = state.file;
    this.#digest = state.digest;
    this.#offset = state.offset;
    this.#updatedAt = row.updatedAt;
    this.#end = end;
  }

  get status(): IngestStatus {
    const { ref, total, startedAt } = this.#row;
    return { ref, total, startedAt, offset: this.#offset, updatedAt: this.#updatedAt };
  }

  /** Of what was written so far. */
  digest(): ContentDigest {
    return this.#digest.value();
  }

  /** Appends. After a failure nothing else works but disposal: the next writer begins with what is on the disk. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#check();
    try {
      const writing = this.#append(bytes);
      this.#digest.update(bytes); // meanwhile
      await writing;
    } catch (reason) {
      this.#failure = wrapError(reason, `Cannot write ingest ${this.#row.ref}`);
      throw this.#failure;
    }
    this.#offset += bytes.byteLength;
    this.#updatedAt = nowNs();
    this.#unsyncedBytes += bytes.byteLength;
    if (this.#unsyncedBytes >= SYNC_BYTES && !this.#syncing) this.#startSync();
  }

  /** Begins again at offset 0. */
  async truncate(): Promise<void> {
    this.#check();
    await this.#file.truncate(0);
    this.#digest.reset();
    this.#offset = 0;
    this.#updatedAt = nowNs();
  }

  /**
   * Makes the ingest content, and closes the writer, whatever happens. Throws `failed_precondition` for another size or
   * digest than asked for (the ingest stays), `already_exists` (the ingest goes), `aborted` for one that was aborted
   * meanwhile, `invalid_argument` for bad labels.
   */
  async commit({ sizeBytes, expected, labels }: CommitRequest): Promise<ContentDigest> {
    await using _closed = { [Symbol.asyncDispose]: async () => this[Symbol.asyncDispose]() };
    this.#check();
    const { ref } = this.#row;
    const stored = storableLabels(labels);
    if (sizeBytes > 0 && sizeBytes !== this.#offset)
      throw refused(ref, `it has ${this.#offset} bytes, not ${sizeBytes}`);
    if (expected && algorithmOf(expected) !== this.#digest.algorithm)
      await this.#rehash(algorithmOf(expected));
    const digest = this.#digest.value();
    if (expected && expected !== digest) throw refused(ref, `its digest is ${digest}, not ${expected}`);
    await this.#syncing;
    await this.#file.datasync();
    this.#check();
    this.#end.commit(this.#row, digest, { sizeBytes: this.#offset, labels: stored });
    return digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#syncing;
    await this.#file.close();
    this.#end.release(this.#row, this.#updatedAt);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength;) {
      const { bytesWritten } = await this.#file.write(
        bytes,
        done,
        bytes.byteLength - done,
        this.#offset + done,
      );
      done += bytesWritten;
    }
  }

  #startSync(): void {
    this.#unsyncedBytes = 0;
    this.#syncing = this.#file
      .datasync()
      .catch((reason: unknown) => {
        this.#failure ??= wrapError(reason, `Cannot write ingest ${this.#row.ref}`);
      })
      .finally(() => (this.#syncing = undefined));
  }

  async #rehash(algorithm: RunningDigest['algorithm']): Promise<void> {
    const digest = new RunningDigest(algorithm);
    for await (const bytes of readFile(this.#file, 0, this.#offset)) digest.update(bytes);
    this.#digest = digest;
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
    if (!this.#isOpen)
      throw new CodedError('failed_precondition', `Cannot write ingest ${this.#row.ref}: it is closed`);
  }
}

function refused(ref: string, why: string): CodedError {
  return new CodedError('failed_precondition', `Cannot commit ingest ${ref}: ${why}`);
}
