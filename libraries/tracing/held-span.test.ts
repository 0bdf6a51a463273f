import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldSpan, beginSpan, createTrace, currentTrace, inSpan, inTrace, tellSpan } from './index.ts';
import { collectSpans, type CollectedSpans } from './testing/collect-spans.ts';

const names = ({ ended }: CollectedSpans): string[] => ended.map(({ name }) => name);

async function workIn(span: HeldSpan | undefined): Promise<void> {
  await span?.around(async () =>
    inSpan('inner', {}, async () => tellSpan('leaf', 1, () => ({ attributes: { a: 1 } }))),
  );
}

test('a held span is sent with all that lies in it when it is released, and never before', async () => {
  using spans = collectSpans();
  const above = { ...createTrace(), spanId: '00f067aa0ba902b7', isSampled: true };
  const wanted = HeldSpan.begin('wanted', above, { attributes: { b: 2 } });
  const unwanted = HeldSpan.begin('unwanted', above);
  for (const span of [wanted, unwanted]) {
    await workIn(span);
    span?.end({ attributes: { c: 3 }, error: 'aborted' });
  }
  assert.deepEqual(names(spans), []);
  wanted?.release();
  assert.deepEqual(names(spans), ['leaf', 'inner', 'wanted']);
  const [leaf, inner, outer] = spans.ended;
  assert.deepEqual(
    [outer?.parent.spanId, inner?.parent.spanId, leaf?.parent.spanId],
    [above.spanId, outer?.spanId, inner?.spanId],
  );
  assert.deepEqual([outer?.attributes, outer?.error], [{ b: 2, c: 3 }, 'aborted']);
});

test('what comes after the release is sent at once', async () => {
  using spans = collectSpans();
  const span = HeldSpan.begin('early', createTrace());
  span?.release();
  await workIn(span);
  assert.deepEqual(names(spans), ['leaf', 'inner']);
  span?.end();
  await workIn(span);
  assert.deepEqual(names(spans), ['leaf', 'inner', 'early', 'leaf', 'inner']);
});

test('of very many spans inside the first are kept, and the others counted', () => {
  using spans = collectSpans();
  const span = HeldSpan.begin('outer', createTrace());
  span?.around(() => {
    for (let n = 0; n < 100; n++) tellSpan(`leaf ${n}`, 1, () => ({}));
  });
  span?.end();
  span?.release();
  const outer = spans.ended.at(-1);
  assert.equal(outer?.name, 'outer');
  assert.equal(Number(outer.attributes['lade.spans_left_out']) + spans.ended.length - 1, 100);
  assert.equal(spans.ended[0]?.name, 'leaf 0');
});

test('what is not sampled is not sent when it is released; where nobody wants spans there is none', async () => {
  using spans = collectSpans(() => false);
  const trace = createTrace();
  const span = HeldSpan.begin('outer', trace);
  span?.release();
  await workIn(span);
  span?.end();
  assert.equal(
    span?.around(() => currentTrace()?.traceId),
    trace.traceId,
  );
  assert.deepEqual(spans.ended, []);
  spans[Symbol.dispose]();
  assert.equal(HeldSpan.begin('outer', trace), undefined);
});

test('a span links to what is recorded, and can have begun before it was known', () => {
  using spans = collectSpans();
  const other = beginSpan('other', createTrace());
  const span = beginSpan('span', createTrace());
  assert.ok(other && span);
  for (const to of [other.context, createTrace(), { ...other.context, isSampled: false }]) span.link(to);
  span.beganAt(1_000);
  span.end(3_000);
  const [ended] = spans.ended;
  assert.deepEqual(ended?.links, [other.context]);
  assert.deepEqual([ended.startMs, ended.endMs], [1_000, 3_000]);
});

test('a held span stands where its work is, for what only belongs to its trace, too', async () => {
  using _ = collectSpans();
  const trace = createTrace();
  const span = HeldSpan.begin('outer', trace);
  const seen = await inTrace(undefined, async () => span?.around(async () => currentTrace()));
  assert.equal(seen?.traceId, trace.traceId);
  assert.notEqual(seen.spanId, undefined);
});
