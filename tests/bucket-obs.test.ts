import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { describeBucketConformance } from '@lade/bucket/conformance';
import { isCodedError } from '@lade/errors';
import { startObsStandIn, type ObsStandInOptions } from '@lade/sandbox';

/*
 * The OBS driver against the stand-in, which the vendor's SDK has judged (obs-stand-in.test.ts) and which checks every signature. A store
 * that knows no versions in conditions has emulated conditional puts, whatever it does for absent keys.
 */
const KEY = { accessKeyId: 'some-key', secretAccessKey: 'some/secret+' };

const MINUTES = 60_000;

const MODES = {
  'with its own signature': 'endpoint=http://localhost:PORT',
  'with V2': 'endpoint=http://127.0.0.1:PORT&signature=v2',
  'with V4': 'endpoint=http://localhost:PORT&signature=v4&region=somewhere',
};

for (const [name, parameters] of Object.entries(MODES)) {
  describeBucketConformance(`the OBS bucket ${name}`, async (t) => open(t, parameters), {
    conditional: 'emulated',
  });

  test(`a store 20 minutes ahead takes what is signed ${name}, once it has told its time`, async (t) => {
    const bucket = await open(t, parameters, { now: () => new Date(Date.now() + 20 * MINUTES) });
    const isSkew = (reason: unknown): boolean =>
      isCodedError(reason, 'failed_precondition') && /20 minutes behind/.test(reason.message);
    await assert.rejects(Array.fromAsync(bucket.list('')), isSkew);
    await bucket.put('a', Buffer.from('x'));
    assert.equal((await bucket.head('a')).sizeBytes, 1);
  });
}

/** Each on a store of its own, because a prefix would take from what is left for keys. */
async function open(
  t: TestContext,
  parameters: string,
  options: Partial<ObsStandInOptions> = {},
): Promise<Bucket> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'lade-obs-'));
  const store = await startObsStandIn({ folder: folder.path, bucket: 'conformance', ...KEY, ...options });
  const variables: Readonly<Record<string, string>> = {
    OBS_ACCESS_KEY_ID: KEY.accessKeyId,
    OBS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
  };
  const url = `obs://conformance?${parameters.replace('PORT', store.address.split(':')[1] ?? '')}`;
  const bucket = await openBucket(url, { environment: (variable) => variables[variable] });
  t.after(async () => {
    await bucket[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  return bucket;
}
