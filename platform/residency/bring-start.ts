import type { HotChunks } from '@lade/layers';
import type { BlobContext } from './blob-context.ts';
import { bringChunks, type ChunkSink } from './bring-chunks.ts';
import { bringStream } from './bring-stream.ts';
import type { Ticket } from './fetch-queue.ts';

export interface WantedStart extends Pick<HotChunks, 'chunks'> {
  readonly wanted: ReadonlySet<number>;
  readonly ticket: Ticket;
}

/** Brings what a start needs to the sink: from this node where it is near, else from the stream. Never throws. */
export async function bringStart(
  { wanted, chunks, ticket }: WantedStart,
  sink: ChunkSink,
  context: BlobContext,
): Promise<void> {
  const near = new Set([...wanted].filter((n) => isNear(n, sink, context)));
  // The next version of an image: most is here, and the stream would bring it again.
  if (near.size * 2 > wanted.size) return bringChunks(wanted, sink, ticket, context);
  await Promise.all([
    bringChunks(near, sink, ticket, context),
    bringStream([...wanted.difference(near)], chunks(), sink, context),
  ]);
}

/** Whether the bucket need not be asked for it, perhaps. */
function isNear(number: number, { file, table }: ChunkSink, { localChunks }: BlobContext): boolean {
  return file.isSuspect(number) || localChunks.find(table.get(number).hash).length > 0;
}
