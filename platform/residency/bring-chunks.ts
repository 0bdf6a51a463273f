import { hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { CodedError } from '@lade/errors';
import type { Chunk, ChunkTable } from '@lade/layers';
import type { Digest } from '@lade/oci';
import type { BlobContext, FillResult } from './blob-context.ts';
import type { BlobFile } from './blob-file.ts';
import type { Ticket } from './fetch-queue.ts';
import { frameOf, type Frame } from './frame-runs.ts';

/** A blob, and who waits for its chunks. */
export interface ChunkSink {
  readonly diffId: Digest;
  readonly table: ChunkTable;
  readonly file: BlobFile;
  /** The chunk's bytes are checked and in the file. */
  arrived(number: number, from: FillResult): void;
  failed(number: number, reason: unknown): void;
  /** Aborted when the blob is closed. */
  readonly signal: AbortSignal;
}

const NOTHING: FillResult = { fetchedBytes: 0, copiedBytes: 0 };

interface ChunkFrame extends Frame {
  readonly number: number;
  readonly room: Disposable;
}

/**
 * Brings every chunk to the sink, or tells why not: from the file itself where it may be already, from another blob of
 * this node, else from the bucket: from the frame that is named, or where the layer's index says. Never throws.
 */
export async function bringChunks(
  wanted: Iterable<readonly [number: number, frame?: Frame]>,
  sink: ChunkSink,
  ticket: Ticket,
  context: BlobContext,
): Promise<void> {
  const frames: ChunkFrame[] = [];
  for (const [number, frame] of wanted) {
    try {
      const found = await findHere(number, sink, ticket, context);
      if ('pack' in found) frames.push({ ...found, ...frame });
      else sink.arrived(number, found);
    } catch (reason) {
      sink.failed(number, reason);
    }
  }
  await context.fetcher.fetch(frames, ticket, {
    async deliver({ number, room, storedBytes }, raw) {
      using _ = room;
      try {
        await sink.file.write(number, raw);
        context.counters.fetchedChunks++;
        sink.arrived(number, { fetchedBytes: storedBytes, copiedBytes: 0 });
      } catch (reason) {
        sink.failed(number, reason);
      }
    },
    fail({ number, room }, reason) {
      room[Symbol.dispose]();
      sink.failed(number, reason);
    },
    signal: sink.signal,
  });
}

/** Puts a chunk into the file without the bucket's help; else its frame, with room for it. */
async function findHere(
  number: number,
  { diffId, table, file }: ChunkSink,
  ticket: Ticket,
  context: BlobContext,
): Promise<FillResult | ChunkFrame> {
  const { counters, room, fetcher } = context;
  const chunk = table.get(number);
  const isSuspect = file.isSuspect(number);
  if (isSuspect && (await file.holds(number))) {
    counters.adoptedChunks++;
    return NOTHING;
  }
  if (chunk.place.kind === 'zero') {
    if (isSuspect) await file.write(number, Buffer.alloc(chunk.rawBytes));
    counters.zeroChunks++;
    return NOTHING;
  }
  using owned = new DisposableStack();
  const reserved = owned.use(await room.reserve(chunk.rawBytes, ticket.urgency));
  const copy = await copyLocal(chunk, file.path, context);
  if (copy) {
    await file.write(number, copy);
    counters.copiedChunks++;
    return { fetchedBytes: 0, copiedBytes: copy.byteLength };
  }
  const frame = frameOf(chunk, table.packs) ?? fetcher.findFrame(chunk);
  if (!frame) throw lost(diffId, chunk);
  owned.move();
  return { ...frame, number, room: reserved };
}

async function copyLocal(
  chunk: Chunk,
  ownPath: string,
  { localChunks }: BlobContext,
): Promise<Uint8Array | undefined> {
  const copy = localChunks.find(chunk.hash);
  if (!copy || copy.path === ownPath) return undefined;
  try {
    await using source = await open(copy.path, 'r');
    const bytes = Buffer.allocUnsafe(chunk.rawBytes);
    const { bytesRead } = await source.read(bytes, 0, bytes.byteLength, copy.offset);
    const isGood = bytesRead === bytes.byteLength && hash('sha256', bytes, 'buffer').equals(chunk.hash);
    return isGood ? bytes : undefined;
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw reason;
  }
}

function lost(diffId: Digest, chunk: Chunk): CodedError {
  const name = Buffer.from(chunk.hash).toString('hex');
  return new CodedError(
    'data_loss',
    `Cannot fill layer ${diffId}: chunk ${name} is damaged on this node, and in no pack of the bucket`,
    { cure: 'Remove its images from this node, and pull them from their registry again' },
  );
}
