import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { openBucket, type Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import type { DiagnoseOptions, Outcome } from './doctor.ts';
import { failed } from './failed-outcome.ts';
import { openProbeFolder } from './doctor-root.ts';

const PROBE_BYTES = 64 << 10;
const PATIENCE_MS = 30_000;
/** Stores refuse requests whose clock is 15 minutes off; a minute is on the way there. */
const SKEW_MS = 60_000;

/** Does with one small object, key `probe/<random>`, what the daemon does with layers, and removes it again. */
export async function examineBucket({ bucketUrl, environment }: DiagnoseOptions): Promise<Outcome> {
  if (bucketUrl === undefined)
    return { state: 'warning', found: 'none is named', cure: 'Name one with --bucket' };
  const folder = await missingFolder(bucketUrl);
  if (folder === undefined) {
    const sources: string[] = [];
    await using bucket = await openBucket(bucketUrl, {
      tellCredentials: (event) => void (event.kind === 'found' && sources.push(event.source)),
      ...(environment ? { environment } : {}),
    });
    const outcome = await exercise(bucket, bucket.location).catch(failed);
    const [source] = sources;
    return source === undefined ? outcome : { ...outcome, found: `${outcome.found}; credentials: ${source}` };
  }
  await using probe = await openProbeFolder(folder);
  await using bucket = await openBucket(`file://${probe.path}`);
  return await exercise(bucket, `file://${folder} can be made`);
}

async function exercise(bucket: Bucket, name: string): Promise<Outcome> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const key = `probe/${randomUUID()}`;
  const body = Buffer.alloc(PROBE_BYTES, key);
  const times: string[] = [];
  const timed = async <T>(step: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work();
    times.push(`${step} ${Math.round(performance.now() - started)} ms`);
    return result;
  };
  try {
    const before = Date.now();
    await timed('put', async () => bucket.put(key, body, { condition: { absent: true }, signal }));
    const middle = (before + Date.now()) / 2;
    await timed('get', async () => expectBytes(bucket, key, body, signal));
    await timed('range', async () => expectRange(bucket, key, body, signal));
    await timed('conditional put', async () => expectRefusal(bucket, key, body, signal));
    await timed('list', async () => expectListed(bucket, key, signal));
    const skewMs = (await bucket.head(key, { signal })).modifiedAt.getTime() - middle;
    await timed('delete', async () => bucket.delete([key], { signal }));
    return judgeClock(`${name}: ${times.join(', ')}`, skewMs);
  } finally {
    await bucket.delete([key], { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => {});
  }
}

function judgeClock(found: string, skewMs: number): Outcome {
  if (Math.abs(skewMs) < SKEW_MS) return { state: 'ok', found };
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const direction = skewMs > 0 ? 'ahead of' : 'behind';
  return {
    state: 'warning',
    found: `${found}; its clock is ${seconds} s ${direction} this node's`,
    cure: 'Set the clock of this node, and keep it set with NTP',
  };
}

async function expectBytes(bucket: Bucket, key: string, body: Buffer, signal: AbortSignal): Promise<void> {
  const got = await bucket.get(key, { signal });
  if (!body.equals(await collectBytes(got.body, PROBE_BYTES)))
    throw unlike(bucket, key, 'other bytes than were put');
}

async function expectRange(bucket: Bucket, key: string, body: Buffer, signal: AbortSignal): Promise<void> {
  const got = await bucket.get(key, { offset: 1000, length: 100, signal });
  const bytes = await collectBytes(got.body, PROBE_BYTES);
  if (!body.subarray(1000, 1100).equals(bytes)) throw unlike(bucket, key, 'another range than was asked for');
}

async function expectRefusal(bucket: Bucket, key: string, body: Buffer, signal: AbortSignal): Promise<void> {
  try {
    await bucket.put(key, body, { condition: { absent: true }, signal });
  } catch (reason) {
    if (isCodedError(reason, 'already_exists')) return;
    throw reason;
  }
  throw new CodedError(
    'unimplemented',
    `Cannot put ${key} only where absent: ${bucket.location} overwrites it`,
    {
      cure: 'Use a store with conditional writes (If-None-Match)',
    },
  );
}

async function expectListed(bucket: Bucket, key: string, signal: AbortSignal): Promise<void> {
  for await (const object of bucket.list(key, { signal })) if (object.key === key) return;
  throw unlike(bucket, key, 'a list without it');
}

function unlike(bucket: Bucket, key: string, what: string): CodedError {
  return new CodedError('data_loss', `Cannot rely on ${bucket.location}: it gave ${what} for ${key}`, {
    cure: 'Look for a cache or proxy in between, and use a store with strong consistency',
  });
}

/** The folder of a file: URL that nobody has made yet: opening it would. */
async function missingFolder(url: string): Promise<string | undefined> {
  if (!URL.canParse(url) || new URL(url).protocol !== 'file:') return undefined;
  const folder = decodeURIComponent(new URL(url).pathname);
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  return isThere ? undefined : folder;
}
