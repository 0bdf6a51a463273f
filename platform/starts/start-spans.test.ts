import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@lade/errors';
import { currentTrace, tellSpan } from '@lade/tracing';
import { collectSpans, type CollectedSpans } from '@lade/tracing/collect-spans';
import { digestOf } from '@lade/oci';
import { StartSpans } from './start-spans.ts';
import type { StartSpan } from './start-span.ts';

const READ = { diffId: digestOf('layer'), offset: 4096, length: 8192, filledBytes: 100 };
const FIGURES = { kind: 'cold', waits: 3, waitMs: 5.4, filledBytes: 9, isOver: true } as const;
const at = (ms: number): Date => new Date(ms);

const named = ({ ended }: CollectedSpans, name: string): CollectedSpans['ended'] =>
  ended.filter((span) => span.name === name);

/** It waits for `ms`, and its request is called that. */
async function fill(spans: StartSpans, reader: string, ms: number): Promise<void> {
  const span = spans.begin(reader);
  await span?.around(async () => {
    await sleep(ms);
    tellSpan(`get ${ms}`, ms, () => ({}));
  });
  span?.end(READ);
}

function end(start: StartSpan | undefined): void {
  start?.end(
    { begunAt: at(1_000), createdAt: at(2_000), startedAt: at(3_000) },
    { 'container.id': 'a' },
    FIGURES,
  );
}

test('a start is sent at its end: its steps, and the reads of its own processes that have waited', async () => {
  using collected = collectSpans();
  const spans = new StartSpans();
  const start = spans.open('/default/a');
  await fill(spans, '/default/a/below', 5);
  for (const reader of ['/default/b', '/default/ab', '/', ''])
    assert.equal(spans.begin(reader), undefined, reader);
  assert.deepEqual(collected.ended, []);
  end(start);
  const [root] = named(collected, 'start container');
  assert.ok(root && root.parent.spanId === undefined && root.parent.traceId === start?.traceId);
  assert.deepEqual(root.attributes, {
    'container.id': 'a',
    'lade.start': 'cold',
    'lade.waits': 3,
    'lade.wait_ms': 5,
    'lade.filled_bytes': 9,
  });
  const steps = ['create task', 'start task'].flatMap((name) => named(collected, name));
  assert.deepEqual(
    steps.map(({ startMs, endMs }) => [startMs, endMs]),
    [
      [1_000, 2_000],
      [2_000, 3_000],
    ],
  );
  const [told] = named(collected, 'fill');
  const [get] = named(collected, 'get 5');
  assert.deepEqual(
    [...steps, told].map((span) => span?.parent.spanId),
    [root.spanId, root.spanId, root.spanId],
  );
  assert.equal(get?.parent.spanId, told?.spanId);
  assert.deepEqual(told?.attributes, {
    'lade.diff_id': READ.diffId,
    'lade.offset': 4096,
    'lade.bytes': 8192,
    'lade.filled_bytes': 100,
  });
  // Until nothing was waited for any more.
  assert.deepEqual([root.startMs, root.endMs >= told.endMs], [1_000, true]);
});

test('two starts at once have each their own reads', async () => {
  using collected = collectSpans();
  const spans = new StartSpans();
  const starts = ['a', 'b'].map((name) => spans.open(`/default/${name}`));
  const seen = ['a', 'b', 'a'].map((name) => {
    const span = spans.begin(`/default/${name}`);
    return span?.around(() => currentTrace()?.traceId);
  });
  assert.deepEqual(
    seen,
    [0, 1, 0].map((n) => starts[n]?.traceId),
  );
  assert.deepEqual(collected.ended, []);
});

test('of very many reads those are told that have waited longest, and the others counted', async () => {
  using collected = collectSpans();
  const spans = new StartSpans();
  const start = spans.open('/default/a');
  const early = Array.from({ length: 70 }, async () => fill(spans, '/default/a', 20));
  const slow = Array.from({ length: 10 }, async () => fill(spans, '/default/a', 200));
  await Promise.all(early);
  await Promise.all(slow);
  await fill(spans, '/default/a', 0);
  end(start);
  assert.equal(named(collected, 'fill').length, 64);
  assert.deepEqual([named(collected, 'get 200').length, named(collected, 'get 20').length], [10, 54]);
  const [root] = named(collected, 'start container');
  assert.equal(root?.attributes['lade.untold_waits'], 17);
  assert.ok(Number(root.attributes['lade.untold_wait_ms']) > 0);
});

test('a read that fails says why; one that ends after the start is not told', async () => {
  using collected = collectSpans();
  const spans = new StartSpans();
  const start = spans.open('/default/a');
  const [failing, late] = [spans.begin('/default/a'), spans.begin('/default/a')];
  await sleep(5);
  failing?.fail(new CodedError('unavailable', 'Cannot go on'));
  failing?.end(READ);
  end(start);
  late?.end(READ);
  if (start) spans.close(start);
  assert.equal(spans.begin('/default/a'), undefined);
  assert.deepEqual(
    named(collected, 'fill').map(({ error }) => error),
    ['unavailable'],
  );
});

test('where nobody wants spans, or the sampler not these, nothing is kept', () => {
  const spans = new StartSpans();
  assert.equal(spans.open('/default/a'), undefined);
  using _ = collectSpans(() => false);
  assert.equal(spans.open('/default/a'), undefined);
  assert.equal(spans.begin('/default/a'), undefined);
});

test('containers that are never started are forgotten', () => {
  using _ = collectSpans();
  const spans = new StartSpans();
  for (let n = 0; n < 1_000; n++) spans.open(`/default/${n}`);
  assert.equal(spans.begin('/default/0'), undefined);
  assert.notEqual(spans.begin('/default/999'), undefined);
});
