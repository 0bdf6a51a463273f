import { hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { openFrame, packKey, type Chunk } from '@lade/layers';
import { collectBytes, forEachConcurrently } from '@lade/streams';
import { fillRuns, placeChunks, type FillRun, type PlacedChunk } from './fill-runs.ts';
import type { FillTarget } from './fill-mode.ts';

/** Ranged reads in flight, and the most that one of them brings: together they bound the memory of a fill. */
const READS = 8;
const MAX_RUN_BYTES = 2 << 20;
const ATTEMPTS = 4;
/** For one read; a bucket that has gone silent must not hold up a pull for ever. */
const READ_MS = 30_000;
const FIRST_RETRY_MS = 100;

/** Other places on this node that hold chunks. */
export interface LocalChunks {
  /** File and offset of a resident copy; the copy may be stale, so its bytes are checked like any other's. */
  find(chunkHash: Uint8Array): { readonly path: string; readonly offset: number } | undefined;
}

export interface FillContext {
  readonly bucket: Bucket;
  readonly localChunks: LocalChunks;
  readonly signal?: AbortSignal;
}

export interface FillResult {
  readonly fetchedBytes: number;
  readonly copiedBytes: number;
  readonly requests: number;
}

/**
 * Makes every chunk of a blob resident: copied from another blob of this node where one has it, else read from the
 * bucket. No byte is written before its chunk's hash was checked. Throws what the bucket threw in the last attempt.
 */
export async function fillBlob(
  target: FillTarget,
  blobPath: string,
  context: FillContext,
): Promise<FillResult> {
  const { index } = target;
  await using blob = await open(blobPath, 'w+', 0o600);
  await blob.truncate(index.header.blobBytes);
  const missing: PlacedChunk[] = [];
  let copiedBytes = 0;
  for (const placed of placeChunks(index)) {
    if (placed.chunk.place.kind === 'zero') continue;
    if (await copyLocal(placed, blob, context.localChunks)) copiedBytes += placed.chunk.rawBytes;
    else missing.push(placed);
  }
  const runs = fillRuns(index, missing, MAX_RUN_BYTES);
  const waiting = context.signal ? { signal: context.signal } : {};
  await forEachConcurrently(
    runs,
    READS,
    (run, signal) => fetchRun(run, blob, context.bucket, signal),
    waiting,
  );
  return {
    fetchedBytes: runs.reduce((sum, run) => sum + run.storedBytes, 0),
    copiedBytes,
    requests: runs.length,
  };
}

async function copyLocal(
  { chunk, blobOffset }: PlacedChunk,
  blob: FileHandle,
  local: LocalChunks,
): Promise<boolean> {
  const copy = local.find(chunk.hash);
  if (!copy) return false;
  try {
    await using source = await open(copy.path, 'r');
    const bytes = Buffer.allocUnsafe(chunk.rawBytes);
    const { bytesRead } = await source.read(bytes, 0, bytes.byteLength, copy.offset);
    if (bytesRead !== bytes.byteLength || !matches(bytes, chunk)) return false;
    await writeFully(blob, bytes, blobOffset);
    return true;
  } catch (reason) {
    if (isMissing(reason)) return false;
    throw reason;
  }
}

async function fetchRun(run: FillRun, blob: FileHandle, bucket: Bucket, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const stored = await readRun(run, bucket, signal);
      await writeRun(run, stored, blob);
      return;
    } catch (reason) {
      if (attempt === ATTEMPTS || signal.aborted || isCodedError(reason, 'not_found')) throw reason;
    }
    await sleep(FIRST_RETRY_MS * 2 ** attempt * (0.5 + Math.random()), undefined, { signal });
  }
}

async function readRun(run: FillRun, bucket: Bucket, signal: AbortSignal): Promise<Uint8Array> {
  const range = { offset: run.offset, length: run.storedBytes };
  const timely = AbortSignal.any([signal, AbortSignal.timeout(READ_MS)]);
  const { body } = await bucket.get(packKey(run.pack), { ...range, signal: timely });
  return collectBytes(body, run.storedBytes);
}

async function writeRun(run: FillRun, stored: Uint8Array, blob: FileHandle): Promise<void> {
  for (const { chunk, blobOffset } of run.chunks) {
    if (chunk.place.kind !== 'packed') continue;
    const at = chunk.place.offset - run.offset;
    const raw = await openFrame(stored.subarray(at, at + chunk.place.storedBytes), chunk, packKey(run.pack));
    await writeFully(blob, raw, blobOffset);
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.byteLength - at, offset + at);
    at += bytesWritten;
  }
}

function matches(bytes: Uint8Array, chunk: Chunk): boolean {
  return hash('sha256', bytes, 'buffer').equals(Buffer.from(chunk.hash));
}

function isMissing(reason: unknown): boolean {
  return (reason as NodeJS.ErrnoException).code === 'ENOENT';
}
