import { open } from 'node:fs/promises';
import type { Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { publishHotChunks } from '@lade/layers';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import type { AnnouncedStarts } from './announced-starts.ts';
import type { Fills } from './fills.ts';
import type { Foreground } from './foreground.ts';
import { recordStart } from './record-start.ts';
import type { ResidencyCounters } from './residency-counters.ts';
import type { ReadBook } from './read-book.ts';
import type { ResidentBlob } from './resident-blob.ts';

/** A blob of a mounted layer, as far as its starts are concerned. */
export interface StartedBlob {
  readonly diffId: Digest;
  readonly path: string;
  open(): Promise<ResidentBlob>;
  /** Resolves when somebody reads the blob, whole or not. Until the end of what it returns nobody reads unnoticed. */
  firstRead(signal: AbortSignal): Promise<AsyncDisposable>;
}

export interface HotStartContext {
  readonly bucket: Bucket;
  readonly starts: Pick<AnnouncedStarts, 'take'>;
  readonly foreground: Foreground;
  readonly counters: ResidencyCounters;
  readonly reads: Pick<ReadBook, 'brought'>;
  readonly log: Logger;
  /** Whether this node tells others what a start touches, and how long nothing new is touched after one; undefined: it does not. */
  readonly recordQuietMs: number | undefined;
}

/**
 * Brings what starts with this layer have touched before, on whatever node, in one long read and before anybody asks. Where
 * the bucket does not know yet, the next start is watched, and tells it. All of it is a hint: what fails is left out.
 */
export async function prepareStart(
  blob: StartedBlob,
  context: HotStartContext,
  signal: AbortSignal,
): Promise<void> {
  const { diffId } = blob;
  try {
    const { recordQuietMs: quietMs } = context;
    if (await bringHot(blob, context, signal)) return;
    if (quietMs !== undefined) await recordHot(blob, { ...context, quietMs }, signal);
  } catch (error) {
    if (!signal.aborted) context.log.debug('start cannot be prepared', { diffId, error });
  }
}

/** False where the bucket does not know how the layer is started, or has it wrong. */
async function bringHot(
  blob: StartedBlob,
  { starts, foreground, counters, reads, log }: HotStartContext,
  signal: AbortSignal,
): Promise<boolean> {
  using _ = foreground.enter();
  const { diffId } = blob;
  await using hot = await starts.take(diffId, signal).catch((error: unknown) => {
    if (!isCodedError(error, 'data_loss')) throw error;
    counters.verificationFailures++;
    log.error('list of hot chunks is damaged, the next start writes it again', { diffId, error });
    return undefined;
  });
  if (!hot) return false;
  const resident = await blob.open();
  const before = fetchedBytes(resident.fills);
  await resident.anticipate(hot);
  if (fetchedBytes(resident.fills) > before) reads.brought(diffId);
  counters.requests++;
  counters.fetchedBytes += hot.fetchedBytes;
  return true;
}

function fetchedBytes({ bucket, hot }: Fills): number {
  return bucket.bytes + hot.bytes;
}

async function recordHot(
  blob: StartedBlob,
  { bucket, log, quietMs }: HotStartContext & { readonly quietMs: number },
  signal: AbortSignal,
): Promise<void> {
  const { diffId } = blob;
  await using _ = await blob.firstRead(signal);
  const { bits, table } = await blob.open();
  const touched = await recordStart({ bits, table }, quietMs, signal);
  await using file = await open(blob.path, 'r');
  const chunks = await publishHotChunks(touched, { diffId, table, blob: file }, bucket, { signal });
  log.info('start recorded', { diffId, chunks, of: table.count, bucket: bucket.location });
}
