import type { Logger } from '@lade/log';
import type { ChunkFetcher } from './chunk-fetcher.ts';
import type { Urgency } from './fetch-queue.ts';
import type { ResidencyCounters } from './residency-counters.ts';

/** Other places on this node that hold chunks. */
export interface LocalChunks {
  /** File and offset of resident copies; they may be stale, so their bytes are checked like any other's. */
  find(chunkHash: Uint8Array): readonly { readonly path: string; readonly offset: number }[];
}

/** Makes room for bytes before they are written, and counts them. */
export interface Room {
  reserve(bytes: number, urgency: Urgency): Promise<Disposable>;
}

/** What all blobs of a node share. */
export interface BlobContext {
  readonly fetcher: ChunkFetcher;
  readonly localChunks: LocalChunks;
  readonly room: Room;
  readonly counters: ResidencyCounters;
  readonly log: Logger;
}
