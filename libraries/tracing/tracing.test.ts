import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { CodedError } from '@lade/errors';
import {
  KnownTraces,
  createTrace,
  currentTrace,
  formatTraceparent,
  inSpan,
  inTrace,
  joinTrace,
  outsideTraces,
  parseTraceparent,
  spanOver,
  tellOfSpan,
  tellSpan,
  watchWork,
} from './index.ts';
import { collectSpans } from './testing/collect-spans.ts';

const [TRACE, SPAN] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];

test('parseTraceparent() reads what formatTraceparent() writes, and nothing that is none', () => {
  const header = `00-${TRACE}-${SPAN}-01`;
  const parsed = parseTraceparent(header);
  assert.deepEqual(parsed, { traceId: TRACE, spanId: SPAN, isSampled: true, isRemote: true });
  assert.equal(parsed && formatTraceparent(parsed), header);
  const begun = createTrace();
  assert.deepEqual(parseTraceparent(formatTraceparent(begun)), { ...begun, isRemote: true });
  // A later version may have more.
  assert.equal(parseTraceparent(`01-${TRACE}-${SPAN}-00-more`)?.isSampled, false);
  for (const wrong of ['', 'x', header.slice(1), `ff${header.slice(2)}`, `00-${'0'.repeat(32)}-${SPAN}-01`])
    assert.equal(parseTraceparent(wrong), undefined, wrong);
});

test('createTrace() gives each trace an id of its own', () => {
  assert.match(createTrace().traceId, /^[\da-f]{32}$/);
  assert.notEqual(createTrace().traceId, createTrace().traceId);
});

test('what runs in a trace keeps it over every wait, and two at a time do not mix', async () => {
  const work = async (): Promise<string | undefined> => {
    await turn();
    return currentTrace()?.traceId;
  };
  const traces = [createTrace(), createTrace()];
  const seen = await Promise.all(traces.map(async (trace) => inTrace(trace, work)));
  assert.deepEqual(
    seen,
    traces.map(({ traceId }) => traceId),
  );
  assert.equal(await work(), undefined);
  await inTrace(createTrace(), async () => assert.equal(await outsideTraces(work), undefined));
});

test('spans lie in each other as their work does, and tell how it ended', async () => {
  using spans = collectSpans();
  const trace = createTrace();
  const failing = inTrace(trace, async () =>
    inSpan('outer', { kind: 'server', attributes: { a: 1 } }, async () => {
      tellSpan('leaf', 5, () => ({ attributes: { b: 2 } }));
      await inSpan('inner', {}, async () => {
        await turn();
        tellOfSpan(() => ({ attributes: { c: 3 } }));
        throw new CodedError('aborted', 'Cannot go on');
      });
    }),
  );
  await assert.rejects(failing, /Cannot go on/);
  const [leaf, inner, outer] = spans.ended;
  assert.deepEqual(
    [outer?.parent.spanId, inner?.parent.spanId, leaf?.parent.spanId],
    [undefined, outer?.spanId, outer?.spanId],
  );
  assert.deepEqual([leaf?.error, inner?.error, outer?.error], [undefined, 'aborted', 'aborted']);
  assert.deepEqual([leaf?.attributes, inner?.attributes, outer?.attributes], [{ b: 2 }, { c: 3 }, { a: 1 }]);
  assert.ok(
    spans.ended.every(({ parent, startMs, endMs }) => parent.traceId === trace.traceId && startMs <= endMs),
  );
  assert.ok(Math.abs((leaf?.endMs ?? 0) - (leaf?.startMs ?? 0) - 5) < 1);
});

test('spanOver() spans a stream, whose items are made in it; its reader stays where it is', async () => {
  using spans = collectSpans();
  const trace = createTrace();
  let isLeft = false;
  async function* items(): AsyncGenerator<string | undefined> {
    try {
      for (;;) yield currentTrace()?.spanId;
    } finally {
      isLeft = currentTrace()?.traceId === trace.traceId;
    }
  }
  let seen: string | undefined;
  for await (const item of spanOver('stream', {}, items(), trace)) {
    assert.equal(currentTrace(), undefined);
    if (seen !== undefined) break;
    seen = item;
  }
  assert.ok(isLeft);
  assert.deepEqual(
    spans.ended.map(({ name, spanId }) => [name, spanId]),
    [['stream', seen]],
  );
});

test('a call that turns out to be of another trace goes on there', async () => {
  using spans = collectSpans();
  const other = parseTraceparent(`00-${TRACE}-${SPAN}-01`);
  assert.ok(other);
  await inTrace(createTrace(), async () =>
    inSpan('call', {}, async () => {
      joinTrace(other);
      await turn();
      tellSpan('leaf', 1, () => ({}));
    }),
  );
  const [leaf, call] = spans.ended;
  assert.deepEqual([call?.parent.traceId, call?.parent.spanId], [TRACE, SPAN]);
  assert.deepEqual([leaf?.parent.traceId, leaf?.parent.spanId], [TRACE, call?.spanId]);
});

test('what is not sampled ends nowhere, with all below it; what nobody wants costs no span', async () => {
  const work = async (): Promise<void> =>
    inTrace(createTrace(), async () => inSpan('outer', {}, async () => inSpan('inner', {}, async () => {})));
  using spans = collectSpans(() => false);
  await work();
  assert.deepEqual(spans.ended, []);
  spans[Symbol.dispose]();
  await inTrace(createTrace(), async () =>
    inSpan('outer', {}, async () => assert.equal(currentTrace()?.spanId, undefined)),
  );
});

test('KnownTraces knows one trace of a thing, none of a thing of several, and forgets what is long ago', () => {
  const known = new KnownTraces();
  const [one, other] = [createTrace(), createTrace()];
  known.remember('a', one);
  known.remember('a', { ...one, spanId: SPAN });
  assert.equal(known.find('a')?.traceId, one.traceId);
  known.remember('a', other);
  known.remember('a', one);
  assert.equal(known.find('a'), undefined);
  known.forget('a');
  known.remember('a', other);
  assert.equal(known.find('a')?.traceId, other.traceId);
  for (let n = 0; n < 8192; n++) known.remember(`b${n}`, one);
  assert.equal(known.find('a'), undefined);
  for (const key of ['b4096', 'b8191']) assert.equal(known.find(key)?.traceId, one.traceId);
});

test('watchWork() is told of work in traces and outside, and of streams that are left', async () => {
  const told: (readonly [string, string | undefined])[] = [];
  {
    using _ = watchWork((name, ms, error) => {
      assert.ok(ms >= 0);
      told.push([name, error]);
    });
    await inSpan('outside', {}, async () => {});
    await assert.rejects(
      inTrace(createTrace(), async () =>
        inSpan('inside', {}, async () => {
          throw new CodedError('not_found', 'Cannot find it');
        }),
      ),
    );
    await inSpan('call', { kind: 'server' }, async () => {});
    const items = (): AsyncIterable<number> => Readable.from([1, 2]);
    await Array.fromAsync(spanOver('whole', {}, items(), createTrace()));
    for await (const _item of spanOver('left', {}, items(), createTrace())) break;
  }
  await inSpan('later', {}, async () => {});
  assert.deepEqual(told, [
    ['outside', undefined],
    ['inside', 'not_found'],
    ['whole', undefined],
    ['left', 'cancelled'],
  ]);
});
