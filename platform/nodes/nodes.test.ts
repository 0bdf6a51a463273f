import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { CodedError } from '@lade/errors';
import { SILENT, createLogger } from '@lade/log';
import { openDatabase } from '@lade/sqlite';
import { NodeBeat, RequestTotals, isGone, listNodes } from './index.ts';

const FIGURES = { fillMode: 'fuse', layers: 3, diskBytes: 1000, uploadsWaiting: 1 };
const READ = { class: 'read', isError: false, sentBytes: 10, receivedBytes: 1000 } as const;

function openTotals(db = openDatabase(':memory:')): RequestTotals {
  const totals = new RequestTotals(db);
  totals.count(READ);
  return totals;
}

async function run(bucket: Bucket, name: string, beatMs?: number): Promise<NodeBeat> {
  const beat = new NodeBeat({
    bucket,
    requests: openTotals(),
    node: { name, version: '1' },
    figures: () => FIGURES,
    log: SILENT,
    ...(beatMs === undefined ? {} : { beatMs }),
  });
  while ((await listNodes(bucket, { log: SILENT })).every((record) => record.name !== name));
  return beat;
}

test('a node tells how it is doing from its start to its stop', async () => {
  await using bucket = await openBucket('memory:');
  const [b, a] = [await run(bucket, 'b'), await run(bucket, 'a')];
  const [first, second] = await listNodes(bucket, { log: SILENT });
  assert.deepEqual([first?.name, second?.name], ['a', 'b']);
  const { fillMode, layers, diskBytes, uploadsWaiting } = first ?? {};
  assert.deepEqual({ fillMode, layers, diskBytes, uploadsWaiting }, FIGURES);
  const [month = ''] = Object.keys(first?.requests ?? {});
  assert.equal(month, new Date().toISOString().slice(0, 7));
  assert.equal(first?.requests[month]?.read.receivedBytes, 1000);
  assert.equal(first?.stoppedAt, undefined);
  await Promise.all([a, b].map(async (beat) => beat[Symbol.asyncDispose]()));
  for (const { stoppedAt } of await listNodes(bucket, { log: SILENT })) assert.ok(stoppedAt);
});

test('a node goes on over what an earlier daemon or a namesake has written', async () => {
  await using bucket = await openBucket('memory:');
  await (await run(bucket, 'a'))[Symbol.asyncDispose]();
  await using _ = await run(bucket, 'a', 5);
  const seen = async (): Promise<string | undefined> => (await listNodes(bucket, { log: SILENT }))[0]?.seenAt;
  for (let i = 0; i < 2; i++) {
    await bucket.put('nodes/a', Buffer.from('{}'));
    while ((await seen()) === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  }
});

test('a bucket in trouble is told once, and holds up nothing', async () => {
  const lines: string[] = [];
  const failing = {
    head: async () => {
      throw new CodedError('unavailable', 'Cannot read');
    },
  } as unknown as Bucket;
  const options = { bucket: failing, requests: openTotals(), figures: () => FIGURES, beatMs: 1 };
  const log = createLogger((line) => lines.push(line), 'debug');
  {
    await using _ = new NodeBeat({ ...options, node: { name: 'a', version: '1' }, log });
    while (lines.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const levels = lines.map((line) => (JSON.parse(line) as { level: string }).level);
  assert.deepEqual(new Set(levels.slice(1)), new Set(['debug']));
  assert.equal(levels[0], 'warn');
});

test('requests add up month by month, over all daemons of a node', () => {
  const db = openDatabase(':memory:');
  const first = openTotals(db);
  first.record(new Date('2026-10-31T23:59:59Z'));
  first.record(new Date('2026-11-01T00:00:00Z'));
  first.count({ ...READ, isError: true });
  first.record(new Date('2026-11-01T00:05:00Z'));
  const { since } = first;
  const second = openTotals(db);
  second.record(new Date('2026-11-30T00:00:00Z'));
  const months = second.months();
  assert.deepEqual(Object.keys(months), ['2026-10', '2026-11']);
  assert.deepEqual(months['2026-10']?.read, { requests: 1, errors: 0, sentBytes: 10, receivedBytes: 1000 });
  assert.deepEqual(months['2026-11']?.read, { requests: 2, errors: 1, sentBytes: 20, receivedBytes: 2000 });
  assert.equal(second.since, since);
});

test('records that are none, or of later releases, are left out', async () => {
  await using bucket = await openBucket('memory:');
  await using _ = await run(bucket, 'a');
  for (const [name, text] of Object.entries({ b: 'x', c: '{"format":2}', d: 'null', e: '{"format":1}' }))
    await bucket.put(`nodes/${name}`, Buffer.from(text));
  await bucket.put('nodes/f', Buffer.alloc(100_000));
  const told: unknown[] = [];
  const log = createLogger(() => {}, 'error', { tell: ({ fields }) => told.push(fields['key']) });
  assert.deepEqual(
    (await listNodes(bucket, { log })).map(({ name }) => name),
    ['a'],
  );
  assert.deepEqual(told.sort(), ['nodes/b', 'nodes/c', 'nodes/d', 'nodes/e', 'nodes/f']);
});

test('a node that is not seen for three beats is gone, unless it was stopped', async () => {
  await using bucket = await openBucket('memory:');
  await using _ = await run(bucket, 'a');
  const [record] = await listNodes(bucket, { log: SILENT });
  assert.ok(record);
  const seenMs = Date.parse(record.seenAt);
  const limitMs = 3 * record.beatSeconds * 1000;
  assert.ok(!isGone(record, seenMs + limitMs));
  assert.ok(isGone(record, seenMs + limitMs + 1));
  assert.ok(!isGone({ ...record, stoppedAt: record.seenAt }, seenMs + 10 * limitMs));
});
