import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KnownTraces, createTrace, currentTrace } from '@lade/tracing';
import { CallTraces, ingestName, snapshotName } from './index.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const REF = 'containerd.io/snapshot.ref';

interface GivenCall {
  readonly method?: string;
  readonly request?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Makes a call, and tells in which trace it was answered. */
async function traceOf(
  traces: CallTraces,
  { method = 'Prepare', request, headers = {} }: GivenCall,
  answer = (): void => {},
): Promise<string | undefined> {
  let traceId: string | undefined;
  const header = (name: string): string => headers[name] ?? '';
  await traces.around({ service: 'some.Service', method, request, header }, async () => {
    answer();
    traceId = currentTrace()?.traceId;
  });
  return traceId;
}

function prepare(key: string, chain: string): GivenCall {
  return { request: { key, labels: { [REF]: chain } } };
}

test('a call belongs to the trace that its caller names', async () => {
  const traces = new CallTraces(new KnownTraces());
  const headers = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01`, 'containerd-lease': 'l' };
  assert.equal(await traceOf(traces, { ...prepare('n/1/a', 'x'), headers }), TRACE);
  // What it has prepared is known from then on.
  assert.equal(await traceOf(traces, { method: 'Commit', request: { key: 'n/1/a' } }), TRACE);
});

test('the calls of one lease are one trace, also those about nothing; of another lease, another', async () => {
  const traces = new CallTraces(new KnownTraces());
  const under = (lease: string, namespace = 'n') => ({
    headers: { 'containerd-lease': lease, 'containerd-namespace': namespace },
  });
  const one = await traceOf(traces, { ...prepare('n/1/a', 'x'), ...under('l') });
  assert.equal(await traceOf(traces, { ...prepare('n/2/b', 'y'), ...under('l') }), one);
  assert.equal(await traceOf(traces, { method: 'Read', ...under('l') }), one);
  assert.notEqual(await traceOf(traces, under('m')), one);
  assert.notEqual(await traceOf(traces, under('l', 'other')), one);
});

test('without a lease the calls about one snapshot are one trace; layers of one image are not joined', async () => {
  const traces = new CallTraces(new KnownTraces());
  const one = await traceOf(traces, prepare('n/1/extract-1 x', 'x'));
  assert.notEqual(one, undefined);
  assert.equal(
    await traceOf(traces, { method: 'Apply', request: {} }, () => traces.joinSnapshot('n/1/extract-1 x')),
    one,
  );
  assert.equal(await traceOf(traces, { method: 'Commit', request: { key: 'n/1/extract-1 x' } }), one);
  const unlabelled = { key: `n/5/extract-1-ab sha256:${'0'.repeat(64)}` };
  const other = await traceOf(traces, { request: unlabelled });
  assert.equal(await traceOf(traces, { method: 'Commit', request: unlabelled }), other);
  // A parent may have come by another pull.
  const above = { key: 'n/3/extract-2 y', parent: 'n/2/x', labels: { [REF]: 'y' } };
  assert.notEqual(await traceOf(traces, { request: above }), one);
  assert.notEqual(await traceOf(traces, prepare('m/1/extract-1 x', 'x')), one);
});

test('what this daemon asks of containerd comes back in its own trace', async () => {
  const known = new KnownTraces();
  const traces = new CallTraces(known);
  const own = createTrace();
  known.remember(snapshotName('n/extract-1-lade x'), own);
  known.remember(ingestName('n/lade-sha256:d'), own);
  assert.equal(await traceOf(traces, prepare('n/7/extract-1-lade x', 'x')), own.traceId);
  assert.equal(
    await traceOf(traces, { method: 'Write' }, () => traces.joinIngest('n/8/lade-sha256:d')),
    own.traceId,
  );
  assert.notEqual(
    await traceOf(traces, { method: 'Write' }, () => traces.joinIngest('m/8/lade-sha256:d')),
    own.traceId,
  );
});

test('everything else is a trace of its own', async () => {
  const traces = new CallTraces(new KnownTraces());
  const container = { request: { key: 'n/1/container', labels: {} } };
  const seen = [
    await traceOf(traces, container),
    await traceOf(traces, container),
    await traceOf(traces, {}),
  ];
  assert.equal(new Set(seen).size, 3);
  assert.ok(seen.every((traceId) => /^[\da-f]{32}$/.test(traceId ?? '')));
});
