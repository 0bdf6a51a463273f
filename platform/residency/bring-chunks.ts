import { hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { CodedError } from '@lade/errors';
import type { Chunk, ChunkTable } from '@lade/layers';
import type { Digest } from '@lade/oci';
import type { BlobContext } from './blob-context.ts';
import type { BlobFile } from './blob-file.ts';
import type { Ticket } from './fetch-queue.ts';
import type { FillSource } from './fills.ts';
import { frameOf, type Frame } from './frame-runs.ts';

/** A blob, and who waits for its chunks. */
export interface ChunkSink {
  readonly diffId: Digest;
  readonly table: ChunkTable;
  readonly file: BlobFile;
  /** The chunk's bytes are checked and in the file. */
  arrived(number: number, source: FillSource): void;
  failed(number: number, reason: unknown): void;
  /** The file has other bytes than it should. */
  damaged(number: number): void;
  /** Aborted when the blob is closed. */
  readonly signal: AbortSignal;
}

interface ChunkFrame extends Frame {
  readonly number: number;
  readonly room: Disposable;
}

/**
 * Brings every chunk to the sink, or tells why not: from the file itself where it may be already, from another blob of
 * this node, else from the bucket. Never throws.
 */
export async function bringChunks(
  wanted: Iterable<number>,
  sink: ChunkSink,
  ticket: Ticket,
  context: BlobContext,
): Promise<void> {
  const frames: ChunkFrame[] = [];
  for (const number of wanted) {
    try {
      const found = await findHere(number, sink, ticket, context);
      if (typeof found === 'string') sink.arrived(number, found);
      else frames.push(found);
    } catch (reason) {
      sink.failed(number, reason);
    }
  }
  await context.fetcher.fetch(frames, ticket, {
    async deliver({ number, room }, raw) {
      using _ = room;
      try {
        await sink.file.write(number, raw);
        sink.arrived(number, 'bucket');
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
  sink: ChunkSink,
  ticket: Ticket,
  context: BlobContext,
): Promise<FillSource | ChunkFrame> {
  const { room, fetcher } = context;
  const { diffId, table, file } = sink;
  const chunk = table.get(number);
  const isSuspect = file.isSuspect(number);
  if (isSuspect) {
    const found = await file.inspect(number);
    if (found === 'damaged') sink.damaged(number);
    if (found === 'sound') return 'adopted';
  }
  if (chunk.place.kind === 'zero') {
    if (isSuspect) await file.write(number, Buffer.alloc(chunk.rawBytes));
    return 'zero';
  }
  using owned = new DisposableStack();
  const reserved = owned.use(await room.reserve(chunk.rawBytes, ticket.urgency));
  const copy = await copyLocal(chunk, file.path, context);
  if (copy) {
    await file.write(number, copy);
    return 'copied';
  }
  const frame = frameOf(chunk, table.packs) ?? (await fetcher.findFrame(chunk));
  if (!frame) throw lost(diffId, chunk);
  owned.move();
  return { ...frame, number, room: reserved };
}

async function copyLocal(
  chunk: Chunk,
  ownPath: string,
  { localChunks, counters, log }: BlobContext,
): Promise<Uint8Array | undefined> {
  for (const { path, offset } of localChunks.find(chunk.hash)) {
    if (path === ownPath) continue;
    const bytes = await readAt(path, offset, chunk.rawBytes).catch((reason: unknown) => {
      if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw reason;
    });
    if (!bytes) continue;
    if (hash('sha256', bytes, 'buffer').equals(chunk.hash)) return bytes;
    counters.verificationFailures++;
    log.error('chunk is damaged in the blob of another layer', { path, offset, chunk: nameOf(chunk) });
  }
  return undefined;
}

/** Zeros where the file ends. */
async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  await using source = await open(path, 'r');
  const bytes = Buffer.alloc(length);
  await source.read(bytes, 0, length, offset);
  return bytes;
}

function nameOf(chunk: Chunk): string {
  return Buffer.from(chunk.hash).toString('hex');
}

function lost(diffId: Digest, chunk: Chunk): CodedError {
  return new CodedError(
    'data_loss',
    `Cannot fill layer ${diffId}: chunk ${nameOf(chunk)} is damaged on this node, and in no pack of the bucket`,
    { cure: 'Remove its images from this node, and pull them from their registry again' },
  );
}
