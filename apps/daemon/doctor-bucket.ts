import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { StoreClock, openBucket, openMultipartSteps } from '@lade/bucket';
import type { Status } from '@lade/control-protocol';
import { describeMissing } from './bucket-permissions.ts';
import type { DiagnoseOptions, Finding, Outcome } from './doctor.ts';
import { failed } from './failed-outcome.ts';
import { openProbeFolder } from './doctor-root.ts';
import { tryBucket, type TriedBucket } from './try-bucket.ts';

const CHECK = 'bucket';
/** Stores refuse requests whose clock is 15 minutes off; a minute is on the way there. */
const SKEW_MS = 60_000;

/** Does with one small object, key `probe/<random>`, what the daemon does with layers, and removes it again. */
export async function examineBucket({
  bucketUrl,
  environment,
  daemon,
}: DiagnoseOptions): Promise<readonly Finding[]> {
  if (bucketUrl === undefined && daemon) return [{ check: CHECK, ...judgeHealth(daemon) }];
  if (bucketUrl === undefined)
    return [{ check: CHECK, state: 'warning', found: 'none is named', cure: 'Name one with --bucket' }];
  const folder = await missingFolder(bucketUrl);
  const key = `probe/${randomUUID()}`;
  if (folder !== undefined) {
    await using probe = await openProbeFolder(folder);
    await using bucket = await openBucket(`file://${probe.path}`);
    return judge(await tryBucket(bucket, undefined, key), `file://${folder} can be made`);
  }
  const sources: string[] = [];
  const clock = new StoreClock();
  const options = {
    clock,
    tellCredentials: (event) => void (event.kind === 'found' && sources.push(event.source)),
    ...(environment ? { environment } : {}),
  } satisfies Parameters<typeof openBucket>[1];
  await using bucket = await openBucket(bucketUrl, options);
  using uploads = await openMultipartSteps(bucketUrl, options);
  const findings = await tryBucket(bucket, uploads, key).then(
    (tried) => judge({ ...tried, skewMs: clock.aheadMs() ?? tried.skewMs }, bucket.location),
    (reason: unknown) => [{ check: CHECK, ...failed(reason) }],
  );
  const [source] = sources;
  if (source === undefined) return findings;
  return findings.map(({ found, ...rest }) => ({ ...rest, found: `${found}; credentials: ${source}` }));
}

/** Who runs may have credentials that nobody else has, so that its own experience counts. */
function judgeHealth({ bucket, bucketHealth: { state, since, lastError } }: Status): Outcome {
  if (state === 'healthy') return { state: 'ok', found: `${bucket}: healthy for the daemon since ${since}` };
  if (!lastError) return { state: 'ok', found: `${bucket}: the daemon has asked nothing of it yet` };
  return {
    state: state === 'degraded' ? 'warning' : 'failed',
    found: `${bucket}: ${state} for the daemon since ${since}: ${lastError.message}`,
    cure: lastError.cure ?? 'See the log of the daemon',
  };
}

/** One finding where all is allowed and right, else one for each thing that is not. */
function judge({ times, missing, left, skewMs }: TriedBucket, name: string): readonly Finding[] {
  const findings: Finding[] = missing.map((permission) => describeMissing(permission, name));
  const found = `${name}: ${times.join(', ')}`;
  if (left.length > 0)
    findings.push({
      check: CHECK,
      state: 'warning',
      found: `${name}: ${left.join(' and ')} could not be removed`,
      cure: 'Remove what is below probe/, where nothing else is',
    });
  if (Math.abs(skewMs) >= SKEW_MS) findings.push(describeClock(found, skewMs));
  return findings.length > 0 ? findings : [{ check: CHECK, state: 'ok', found }];
}

function describeClock(found: string, skewMs: number): Finding {
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const direction = skewMs > 0 ? 'ahead of' : 'behind';
  return {
    check: CHECK,
    state: 'warning',
    found: `${found}; its clock is ${seconds} s ${direction} this node's`,
    cure: 'Set the clock of this node, and keep it set with NTP',
  };
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
