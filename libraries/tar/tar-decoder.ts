import { CodedError } from '@lade/errors';
import { readDataBytes, readEntry, type EntryDraft } from './entry-draft.ts';
import { BLOCK_BYTES, FIELD, isHeaderBlock } from './header-block.ts';
import { MalformedTar } from './malformed-tar.ts';
import { extensionKind, PendingExtensions } from './pending-extensions.ts';
import { openSparseMap, sparseRegions, type SparseMap } from './sparse-map.ts';
import type { TarEntry } from './tar-entry.ts';

/** Gets an archive piece by piece. All byte arrays are views, valid only during the call. */
export interface TarVisitor {
  /**
   * Every byte that is not file data, in order: headers, extension records, sparse maps, padding, what follows the end.
   * The pieces of `raw` and `data` in call order are the exact archive.
   */
  raw(bytes: Uint8Array): void;
  /** An entry with all its extensions applied, after the `raw` of its headers and before its `data`. */
  entry(entry: TarEntry): void;
  /** A run of the stored data of the last entry. */
  data(bytes: Uint8Array): void;
}

export interface TarDecoderOptions {
  /** The most that one extension (long name, extended header, sparse map, all global headers) may take; default 1 MiB. */
  readonly maxExtensionBytes?: number;
}

/** What the bytes that come next are: blocks of a kind, or a run that needs no look inside. */
type Step = 'header' | 'sparse-map' | 'extension' | 'data' | 'raw' | 'ended';

/**
 * Push parser for tar archives: v7, ustar, star, GNU (long names, base-256 numbers, sparse) and pax (extended and global
 * headers, xattrs, GNU sparse 0.0, 0.1, 1.0). Chunks may be cut anywhere. The archive ends at a block of zeros or at the
 * end of the input on an entry border; whatever follows the zeros is `raw`. Types that are no part of a file tree are
 * `raw` whole. What the visitor throws passes through. Unusable after an error.
 */
export class TarDecoder {
  readonly #visitor: TarVisitor;
  readonly #maxExtensionBytes: number;
  readonly #extensions: PendingExtensions;
  readonly #block = Buffer.alloc(BLOCK_BYTES);
  /** Bytes in #block of a block that came in pieces. */
  #held = 0;
  #step: Step = 'header';
  /** Bytes left of the current run, and of the padding that follows it. */
  #left = 0;
  #padding = 0;
  #draft: EntryDraft | undefined;
  #sparseMap: SparseMap | undefined;
  #mapBytes = 0;
  /** Archive offset of the next byte, and of the block that was looked into last. */
  #offset = 0;
  #blockOffset = 0;

  constructor(visitor: TarVisitor, options: TarDecoderOptions = {}) {
    this.#visitor = visitor;
    this.#maxExtensionBytes = options.maxExtensionBytes ?? 1024 * 1024;
    this.#extensions = new PendingExtensions(this.#maxExtensionBytes);
  }

  /** Takes the next piece of the archive. Throws `data_loss`, naming entry and offset, if it is malformed. */
  write(bytes: Uint8Array): void {
    const chunk = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      for (let at = 0; at < chunk.length;) {
        const isBlock = this.#step === 'header' || this.#step === 'sparse-map';
        const taken = isBlock ? this.#takeBlock(chunk, at) : this.#takeRun(chunk, at);
        this.#offset += taken;
        at += taken;
      }
    } catch (reason) {
      throw reason instanceof MalformedTar ? this.#failure(reason.message, this.#blockOffset) : reason;
    }
  }

  /** States that the input is complete. Throws `data_loss` if it stops inside an entry. */
  end(): void {
    const isOnBorder = this.#step === 'header' && this.#held === 0 && this.#extensions.isEmpty;
    if (!isOnBorder && this.#step !== 'ended')
      throw this.#failure('the archive ends in the middle of it', this.#offset);
  }

  #takeBlock(chunk: Buffer, at: number): number {
    const available = chunk.length - at;
    if (this.#held === 0) this.#blockOffset = this.#offset;
    if (this.#held === 0 && available >= BLOCK_BYTES) {
      this.#acceptBlock(chunk, at);
      return BLOCK_BYTES;
    }
    const taken = Math.min(BLOCK_BYTES - this.#held, available);
    chunk.copy(this.#block, this.#held, at, at + taken);
    this.#held += taken;
    if (this.#held === BLOCK_BYTES) {
      this.#held = 0;
      this.#acceptBlock(this.#block, 0);
    }
    return taken;
  }

  #takeRun(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#left, chunk.length - at);
    const piece = chunk.subarray(at, at + taken);
    if (this.#step === 'data') this.#visitor.data(piece);
    else this.#visitor.raw(piece);
    if (this.#step === 'extension') this.#extensions.add(piece);
    this.#left -= taken;
    if (this.#left === 0) this.#finishRun();
    return taken;
  }

  #acceptBlock(block: Buffer, at: number): void {
    this.#visitor.raw(block.subarray(at, at + BLOCK_BYTES));
    if (this.#step === 'header') this.#acceptHeader(block, at);
    else this.#acceptSparseMap(block, at);
  }

  #acceptHeader(block: Buffer, at: number): void {
    if (!isHeaderBlock(block, at)) {
      this.#step = 'ended';
      this.#left = Infinity;
      return;
    }
    const extension = extensionKind(block[at + FIELD.type]!);
    if (extension) {
      const length = readDataBytes(block, at, undefined);
      this.#extensions.start(extension, length);
      this.#startRun('extension', length);
    } else {
      this.#startEntry(block, at);
    }
  }

  #startEntry(block: Buffer, at: number): void {
    const extensions = this.#extensions.take();
    const dataBytes = readDataBytes(block, at, extensions.pax);
    const draft = readEntry(block, at, extensions, dataBytes);
    this.#draft = draft;
    if (draft === undefined) {
      this.#startRun('raw', dataBytes);
    } else if (draft.kind !== 'file') {
      this.#visitor.entry(draft);
      // Go, and so containerd, takes the size of a v7 directory for meaningless, but not that of type 0.
      this.#startRun('raw', block[at + FIELD.type] === 0 ? 0 : dataBytes);
    } else {
      this.#sparseMap = openSparseMap(block, at, draft, extensions.pax);
      this.#mapBytes = 0;
      this.#startFile(draft);
    }
  }

  /** Emits the file and turns to its data, once its sparse map is complete or if it has none. */
  #startFile(draft: EntryDraft): void {
    const map = this.#sparseMap;
    if (map && !map.isComplete) {
      this.#step = 'sparse-map';
      return;
    }
    if (map) draft.sparse = sparseRegions(map, draft.sizeBytes, draft.storedBytes);
    this.#sparseMap = undefined;
    this.#visitor.entry(draft);
    this.#startRun('data', draft.storedBytes);
  }

  #acceptSparseMap(block: Buffer, at: number): void {
    const [map, draft] = [this.#sparseMap!, this.#draft!];
    this.#mapBytes += BLOCK_BYTES;
    if (this.#mapBytes > this.#maxExtensionBytes)
      throw new MalformedTar(`its sparse map has more than the allowed ${this.#maxExtensionBytes} bytes`);
    if (map.isInData) draft.storedBytes -= BLOCK_BYTES;
    if (draft.storedBytes < 0) throw new MalformedTar('its sparse map is longer than its data');
    map.readBlock(block, at);
    this.#startFile(draft);
  }

  /** Starts a run of `length` bytes and its padding; a run of nothing is over at once. */
  #startRun(step: 'extension' | 'data' | 'raw', length: number): void {
    this.#step = step;
    this.#left = length;
    this.#padding = (BLOCK_BYTES - (length % BLOCK_BYTES)) % BLOCK_BYTES;
    if (length === 0) this.#finishRun();
  }

  #finishRun(): void {
    if (this.#step === 'extension') this.#extensions.finish();
    this.#step = this.#padding > 0 ? 'raw' : 'header';
    this.#left = this.#padding;
    this.#padding = 0;
    if (this.#step === 'header') this.#draft = undefined;
  }

  #failure(state: string, offset: number): CodedError {
    const path = this.#draft?.path;
    const shown = path === undefined ? undefined : JSON.stringify(Buffer.from(path, 'latin1').toString());
    const what = shown === undefined ? 'header' : `entry ${shown}`;
    return new CodedError('data_loss', `Cannot read tar ${what} at byte ${offset}: ${state}`, {
      cure: 'Fetch the archive again; if that does not help, its publisher must make it again',
      details: { offset, path },
    });
  }
}
