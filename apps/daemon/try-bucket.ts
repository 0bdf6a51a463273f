import type { Bucket, MultipartSteps } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import { isDenial, type MissingPermission, type PermissionName } from './bucket-permissions.ts';

const PROBE_BYTES = 64 << 10;
const [RANGE_OFFSET, RANGE_BYTES] = [1000, 100];
const PATIENCE_MS = 30_000;
/** What a request about something absent is answered with, where it is allowed. */
const ABSENT = ['not_found', 'out_of_range', 'aborted'];

export interface TriedBucket {
  /** What was allowed, and how long it took: "put 3 ms". */
  readonly times: readonly string[];
  readonly missing: readonly MissingPermission[];
  /** What had to be left in the bucket. */
  readonly left: readonly string[];
  /** How far the clock of the store is ahead of this machine's, as far as it told. */
  readonly skewMs: number;
}

interface Trial {
  readonly bucket: Bucket;
  readonly uploads: MultipartSteps | undefined;
  readonly key: string;
  readonly body: Buffer;
  readonly signal: AbortSignal;
  readonly times: string[];
  readonly missing: Map<PermissionName, { readonly steps: string[]; readonly reason: unknown }>;
  readonly left: string[];
}

/**
 * Does with one small object what the daemon does with layers, and removes it again. What a policy denies is told, and keeps nothing else
 * from being tried; any other failure is thrown. `uploads` is there where there are policies.
 */
export async function tryBucket(
  bucket: Bucket,
  uploads: MultipartSteps | undefined,
  key: string,
): Promise<TriedBucket> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const body = Buffer.alloc(PROBE_BYTES, key);
  const trial: Trial = { bucket, uploads, key, body, signal, times: [], missing: new Map(), left: [] };
  try {
    const skewMs = await tryObject(trial);
    if (uploads) await tryUploads(trial, uploads);
    const isDeleted = await attempt(trial, 'delete', 'delete', async () => bucket.delete([key], { signal }));
    if (!isDeleted) trial.left.push(...(await whatStays(trial)));
    const missing = [...trial.missing].map(([name, details]) => ({ name, ...details }));
    return { times: trial.times, missing, left: trial.left, skewMs };
  } catch (reason) {
    await bucket.delete([key], { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => {});
    throw reason;
  }
}

/** Whether it was allowed. */
async function attempt(
  { uploads, times, missing }: Trial,
  step: string,
  permission: PermissionName,
  work: () => Promise<unknown>,
): Promise<boolean> {
  const started = performance.now();
  try {
    await work();
    times.push(`${step} ${Math.round(performance.now() - started)} ms`);
    return true;
  } catch (reason) {
    if (!uploads || !isCodedError(reason) || !isDenial(permission, reason.code)) throw reason;
    const known = missing.get(permission);
    if (known) known.steps.push(step);
    else missing.set(permission, { steps: [step], reason });
    return false;
  }
}

/** Puts it and reads it; where it may not be put, what is there is read. Tells the skew of the clocks. */
async function tryObject(trial: Trial): Promise<number> {
  const { bucket, key, body, signal } = trial;
  let [target, skewMs] = [key, 0];
  const before = Date.now();
  const isPut = await attempt(trial, 'put', 'put', async () => bucket.put(key, body, { signal }));
  const middle = (before + Date.now()) / 2;
  await attempt(trial, 'list', 'list', async () => {
    const found = await firstKey(bucket, isPut ? key : '', signal);
    if (isPut && found !== key) throw unlike(bucket, key, 'a list without it');
    target = found ?? key;
  });
  const read = async (step: string, work: () => Promise<void>): Promise<boolean> =>
    attempt(trial, step, 'get', async () => (isPut ? work() : unlessAbsent(work())));
  const expected = isPut ? body : undefined;
  await read('get', async () => expectRange(trial, target, expected, [0, PROBE_BYTES]));
  await read('range', async () => expectRange(trial, target, expected, [RANGE_OFFSET, RANGE_BYTES]));
  const isRead = await read('head', async () => {
    const { modifiedAt } = await bucket.head(target, { signal });
    if (isPut) skewMs = modifiedAt.getTime() - middle;
  });
  // A store that knows no conditions is asked what there is.
  if (isPut && isRead) await attempt(trial, 'conditional put', 'put', async () => expectRefusal(trial));
  return skewMs;
}

/** Puts the object in parts, and takes back an upload of it. What has not begun is tried all the same. */
async function tryUploads(trial: Trial, uploads: MultipartSteps): Promise<void> {
  const { key, body, signal, left } = trial;
  let [id, etag] = ['0', ''];
  const isBegun = await attempt(trial, 'begin upload', 'put', async () => {
    id = await uploads.begin(key, { signal });
  });
  await attempt(trial, 'list uploads', 'uploads', async () => uploads.listUploads(key, { signal }));
  await attempt(trial, 'list parts', 'parts', async () =>
    unlessAbsent(uploads.listParts(key, id, { signal })),
  );
  if (isBegun) {
    await attempt(trial, 'put part', 'put', async () => {
      etag = await uploads.send(key, id, body, { signal });
    });
    const isWhole = await attempt(trial, 'complete upload', 'put', async () =>
      uploads.complete(key, id, etag, { signal }),
    );
    if (isWhole) id = await uploads.begin(key, { signal });
  }
  const isAborted = await attempt(trial, 'abort upload', 'abort', async () =>
    unlessAbsent(uploads.abort(key, id, { signal })),
  );
  if (isBegun && !isAborted) left.push(`an upload of ${key}`);
}

/** The driver has put something for a try, too. */
async function whatStays({ bucket, key, missing, signal }: Trial): Promise<readonly string[]> {
  if (missing.has('list')) return missing.has('put') ? [] : [key];
  return (await Array.fromAsync(bucket.list('probe/', { signal }))).map((object) => object.key);
}

async function unlessAbsent(work: Promise<void>): Promise<void> {
  return work.catch((reason: unknown) => {
    if (!isCodedError(reason) || !ABSENT.includes(reason.code)) throw reason;
  });
}

async function firstKey(bucket: Bucket, prefix: string, signal: AbortSignal): Promise<string | undefined> {
  for await (const { key } of bucket.list(prefix, { signal })) return key;
  return undefined;
}

/** Of `expected`, or of whatever there is. */
async function expectRange(
  { bucket, signal }: Trial,
  key: string,
  expected: Buffer | undefined,
  [offset, length]: readonly [offset: number, length: number],
): Promise<void> {
  const { body } = await bucket.get(key, { offset, length, signal });
  const bytes = await collectBytes(body, length);
  if (expected && !expected.subarray(offset, offset + length).equals(bytes))
    throw unlike(bucket, key, 'other bytes than were put');
}

async function expectRefusal({ bucket, key, body, signal }: Trial): Promise<void> {
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

function unlike(bucket: Bucket, key: string, what: string): CodedError {
  return new CodedError('data_loss', `Cannot rely on ${bucket.location}: it gave ${what} for ${key}`, {
    cure: 'Look for a cache or proxy in between, and use a store with strong consistency',
  });
}
