import { Bitmap, BLOCK_BYTES } from '@lade/block-bits';
import type { Digest } from '@lade/oci';
import type { FileRead } from './on-demand-files.ts';

/** What was read of layers past the page cache, while they were not whole. Numbers that only grow. */
export interface ReadFigures {
  /** Reads that the kernel asked about, with what it reads ahead. */
  readonly requests: number;
  readonly bytes: number;
  /** Those of them that had to wait, and for how long in all. */
  readonly waits: number;
  readonly waitMs: number;
  /** Chunks that were not resident when they were read of; readers that wait for the same chunk each count it. */
  readonly filledBytes: number;
}

/** What one reader has read of one layer. */
export interface LayerReads extends ReadFigures {
  readonly diffId: Digest;
  /** When a read has waited last, in milliseconds since 1970; 0: none has. */
  readonly waitedAt: number;
  /** The blocks that were read. */
  readonly blocks: Bitmap;
  /** Waits by the offset of the read; of the first thousands. */
  readonly waitsAt: ReadonlyMap<number, { readonly waits: number; readonly waitMs: number }>;
}

interface Wait {
  readonly ms: number;
  readonly filledBytes: number;
}

type Kept = { -readonly [name in keyof LayerReads]: LayerReads[name] } & {
  readonly waitsAt: Map<number, { readonly waits: number; readonly waitMs: number }>;
  readonly keptBytes: number;
};

const MAX_LAYERS = 4_096;
const MAX_READERS = 512;
const MAX_BYTES = 16 << 20;
const MAX_OFFSETS = 2_048;
/** Of one reader and layer, beside the bitmap. */
const ENTRY_BYTES = 512;

/**
 * Who has read what since the daemon started, by control group. Bounded: who has not read for longest is forgotten.
 */
export class ReadBook {
  /** Who has read last is last. */
  readonly #readers = new Map<string, Map<Digest, Kept>>();
  readonly #broughtAt = new Map<Digest, number>();
  #bytes = 0;

  /** What starts touch of a layer has come from the bucket just now, before anybody asked. */
  brought(diffId: Digest): void {
    this.#broughtAt.delete(diffId);
    this.#broughtAt.set(diffId, Date.now());
    if (this.#broughtAt.size > MAX_LAYERS)
      this.#broughtAt.delete(this.#broughtAt.keys().next().value ?? diffId);
  }

  /** In milliseconds since 1970; 0: it has not. */
  broughtAt(diffId: Digest): number {
    return this.#broughtAt.get(diffId) ?? 0;
  }

  /** A read that did not have to wait, or several that follow one another. */
  read(
    blob: { readonly diffId: Digest; readonly sizeBytes: number },
    read: FileRead,
    requests: number,
  ): void {
    const kept = this.#find(blob, read.reader);
    kept.requests += requests;
    kept.bytes += read.length;
    kept.blocks.set(read.offset, read.offset + read.length);
  }

  /** A read that had to wait, at its end. */
  waited(
    blob: { readonly diffId: Digest; readonly sizeBytes: number },
    read: FileRead,
    { ms, filledBytes }: Wait,
  ): void {
    this.read(blob, read, 1);
    const kept = this.#find(blob, read.reader);
    kept.waits++;
    kept.waitMs += ms;
    kept.filledBytes += filledBytes;
    kept.waitedAt = Date.now();
    const { waits, waitMs } = kept.waitsAt.get(read.offset) ?? { waits: 0, waitMs: 0 };
    if (waits > 0 || kept.waitsAt.size < MAX_OFFSETS)
      kept.waitsAt.set(read.offset, { waits: waits + 1, waitMs: waitMs + ms });
  }

  /** What readers have read, each with its control group. */
  entries(): readonly (readonly [reader: string, layers: readonly LayerReads[]])[] {
    return [...this.#readers].map(([reader, layers]) => [reader, [...layers.values()]]);
  }

  /** The group is another one's from now on. */
  forget(reader: string): void {
    for (const { keptBytes } of this.#readers.get(reader)?.values() ?? []) this.#bytes -= keptBytes;
    this.#readers.delete(reader);
  }

  #find(
    { diffId, sizeBytes }: { readonly diffId: Digest; readonly sizeBytes: number },
    reader: string,
  ): Kept {
    const layers = this.#readers.get(reader) ?? new Map<Digest, Kept>();
    this.#readers.delete(reader);
    this.#readers.set(reader, layers);
    const known = layers.get(diffId);
    if (known) return known;
    const blocks = Math.ceil(sizeBytes / BLOCK_BYTES);
    const kept: Kept = {
      diffId,
      requests: 0,
      bytes: 0,
      waits: 0,
      waitMs: 0,
      filledBytes: 0,
      waitedAt: 0,
      blocks: new Bitmap(new Uint8Array(Math.ceil(blocks / 8)), blocks),
      waitsAt: new Map(),
      keptBytes: Math.ceil(blocks / 8) + ENTRY_BYTES,
    };
    layers.set(diffId, kept);
    this.#bytes += kept.keptBytes;
    this.#makeRoom(reader);
    return kept;
  }

  #makeRoom(keep: string): void {
    for (const reader of this.#readers.keys()) {
      if (this.#readers.size <= MAX_READERS && this.#bytes <= MAX_BYTES) return;
      if (reader !== keep) this.forget(reader);
    }
  }
}
