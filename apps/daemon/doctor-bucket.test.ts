import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBucket } from '@lade/bucket';
import { startObsStandIn, type ObsAction } from '@lade/sandbox';
import { examineBucket } from './doctor-bucket.ts';
import type { Finding } from './doctor.ts';

/* A store that denies what it is told to deny, asked as OBS and as S3. */
const KEY = { accessKeyId: 'key', secretAccessKey: 'very-secret' };
const DIALECTS = { obs: '', s3: '&path-style=true&region=somewhere' } as const;
/** Check, state, step that says so, and the resource that its cure names. */
const ACTIONS = {
  PutObject: ['put', 'failed', /^put, begin upload: /, 'object'],
  GetObject: ['get', 'failed', /^get, range, head: /, 'object'],
  ListBucket: ['list', 'failed', /^list: /, 'bucket'],
  DeleteObject: ['delete', 'warning', /^delete: /, 'object'],
  AbortMultipartUpload: ['abort', 'warning', /^abort upload: /, 'object'],
  ListMultipartUploadParts: ['parts', 'warning', /^list parts: /, 'object'],
  ListBucketMultipartUploads: ['uploads', 'warning', /^list uploads: /, 'bucket'],
} as const satisfies Record<ObsAction, unknown>;
const NAMES = Object.keys(ACTIONS) as ObsAction[];

type Scheme = keyof typeof DIALECTS;

interface Examined {
  readonly findings: readonly Finding[];
  /** What is in the bucket afterwards. */
  readonly keys: readonly string[];
  readonly uploads: number;
}

async function examine(
  scheme: Scheme,
  denied: readonly ObsAction[],
  existing: readonly string[] = [],
  aheadMs = 0,
): Promise<Examined> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-doctor-bucket-'));
  let isDenying = false;
  const forbids = (action: ObsAction): boolean => isDenying && denied.includes(action);
  const now = (): Date => new Date(Date.now() + aheadMs);
  await using store = await startObsStandIn({ folder: folder.path, bucket: 'lade', ...KEY, forbids, now });
  const keys = `&access-key-id=${KEY.accessKeyId}&secret-access-key=${KEY.secretAccessKey}`;
  const endpoint = `endpoint=http://localhost:${store.address.split(':')[1]}`;
  const bucketUrl = `${scheme}://lade/below?${endpoint}${DIALECTS[scheme]}${keys}`;
  await using bucket = await openBucket(bucketUrl);
  for (const key of existing) await bucket.put(key, Buffer.from('here'));
  isDenying = true;
  const findings = await examineBucket({ root: folder.path, address: '/nonexistent', bucketUrl });
  isDenying = false;
  assert.doesNotMatch(JSON.stringify(findings), /very-secret/);
  const left = await Array.fromAsync(bucket.list(''));
  return { findings, keys: left.map(({ key }) => key), uploads: store.uploads().length };
}

for (const scheme of Object.keys(DIALECTS) as Scheme[]) {
  test(`${scheme}: a bucket that allows all is one finding, and nothing stays in it`, async () => {
    const { findings, keys, uploads } = await examine(scheme, []);
    assert.deepEqual([findings.length, findings[0]?.check, findings[0]?.state], [1, 'bucket', 'ok']);
    assert.match(findings[0]?.found ?? '', /put \d+ ms.*complete upload \d+ ms.*abort upload \d+ ms/);
    assert.deepEqual([keys, uploads], [[], 0]);
  });

  for (const denied of NAMES) {
    test(`${scheme}: ${denied} that is denied alone is named, with its cure`, async () => {
      const { findings, keys, uploads } = await examine(scheme, [denied]);
      const [missing, left] = findings;
      assertNames(missing, denied, scheme);
      assert.equal(uploads, denied === 'AbortMultipartUpload' ? 1 : 0);
      if (denied === 'DeleteObject')
        assert.ok(left?.found.includes(keys.toSorted().join(' and ')), left?.found);
      else if (denied === 'AbortMultipartUpload') assert.match(left?.found ?? '', /an upload of probe/);
      else assert.equal(left, undefined);
      if (denied === 'DeleteObject') assert.ok(keys.length > 0);
      else assert.deepEqual(keys, []);
    });
  }

  test(`${scheme}: one that is missing hides no other`, async () => {
    const { findings } = await examine(scheme, NAMES);
    const order = ['put', 'list', 'get', 'uploads', 'parts', 'abort', 'delete'];
    assert.deepEqual(
      findings.map(({ check }) => check),
      order.map((name) => `bucket: ${name}`),
    );
  });

  test(`${scheme}: where nothing may be put, what is there is read`, async () => {
    const denied = ['PutObject', 'DeleteObject', 'AbortMultipartUpload'] as const;
    const { findings, keys } = await examine(scheme, denied, ['chains/one']);
    assert.deepEqual(
      findings.map(({ check }) => check),
      ['bucket: put', 'bucket: abort', 'bucket: delete'],
    );
    assert.deepEqual(keys, ['chains/one']);
  });

  test(`${scheme}: a clock that is wrong is told, also where nothing may be put`, async () => {
    for (const denied of [[], ['PutObject']] as const) {
      const { findings } = await examine(scheme, denied, ['chains/one'], -5 * 60_000);
      const { found, state, cure } = findings.at(-1) ?? assert.fail();
      assert.match(found, /its clock is (?:299|30[01]) s behind this node's/);
      assert.deepEqual([state, cure], ['warning', 'Set the clock of this node, and keep it set with NTP']);
    }
  });
}

function assertNames(finding: Finding | undefined, denied: ObsAction, scheme: Scheme): void {
  const [name, state, steps, resource] = ACTIONS[denied];
  assert.deepEqual([finding?.check, finding?.state], [`bucket: ${name}`, state], JSON.stringify(finding));
  assert.match(finding?.found ?? '', steps);
  assert.match(finding?.found ?? '', /needed for/);
  const place = resource === 'bucket' ? 'lade' : 'lade/below/*';
  const allowed =
    scheme === 'obs'
      ? `Allow obs:${resource}:${denied} on obs:*:*:${resource}:${place} `
      : `Allow s3:${denied} on arn:aws:s3:::${place} `;
  assert.ok(finding?.cure?.startsWith(allowed), finding?.cure);
}
