import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SILENT } from '@lade/log';
import { digestOf } from '@lade/oci';
import { ReadBook } from '@lade/residency';
import { openDatabase } from '@lade/sqlite';
import { createTrace, type TraceContext } from '@lade/tracing';
import { collectSpans } from '@lade/tracing/collect-spans';
import { PullTimes, StartSpans, StartTable, TaskStarts, type Start, type TaskEvent } from './index.ts';

/* Events come from a list here; what real ones do is in tests/starts.test.ts. */

const LAYER = { diffId: digestOf('layer'), origin: 'fetched', createdAt: new Date() } as const;
const BLOB = { diffId: LAYER.diffId, sizeBytes: 1 << 20 };
const OTHER = { ...BLOB, diffId: digestOf('other') };
const CHAIN = digestOf('chain');

interface Scene extends AsyncDisposable {
  readonly reads: ReadBook;
  readonly table: StartTable;
  readonly spans: StartSpans;
  /** By what all starts are said to have been caused. */
  readonly cause: TraceContext;
  readonly told: readonly Start[];
  /** Resolves when it is taken. */
  happens(kind: TaskEvent['kind'], id: string): Promise<void>;
}

/** `startMs`: for ever, when left out. */
function open({ startMs = 1e9 }: { readonly startMs?: number } = {}): Scene {
  const [reads, table] = [new ReadBook(), new StartTable(openDatabase(':memory:'))];
  const told: Start[] = [];
  const spans = new StartSpans();
  const cause = { ...createTrace(), spanId: '00f067aa0ba902b7', isSampled: true };
  const queue: TaskEvent[] = [];
  let wake = Promise.withResolvers<void>();
  let taken = Promise.withResolvers<void>();
  const preparedAt = new Date();
  const starts = new TaskStarts({
    reads,
    table,
    pulls: new PullTimes(),
    spans,
    causes: () => [cause],
    tell: (start) => told.push(start),
    log: SILENT,
    startMs,
    levels: (_, key) =>
      key === 'other' ? undefined : { createdAt: preparedAt, levels: [{ layer: LAYER, chainId: CHAIN }] },
    tasks: {
      list: async () => [{ namespace: 'default', id: 'older', cgroup: '/default/older' }],
      find: async (_, id) => ({ image: 'x', snapshotKey: id, cgroup: `/default/${id}` }),
      async *events(signal) {
        signal.addEventListener('abort', () => wake.resolve());
        for (;;) {
          await wake.promise;
          if (signal.aborted) return;
          wake = Promise.withResolvers();
          yield* queue.splice(0);
          taken.resolve();
        }
      },
    },
  });
  return {
    reads,
    table,
    spans,
    cause,
    told,
    async happens(kind, id) {
      taken = Promise.withResolvers();
      queue.push({ kind, namespace: 'default', id, at: new Date() });
      wake.resolve();
      await taken.promise;
    },
    [Symbol.asyncDispose]: async () => starts[Symbol.asyncDispose](),
  };
}

async function startsOf(scene: Scene, id: string): Promise<void> {
  for (const kind of ['recorded', 'created', 'started'] as const) await scene.happens(kind, id);
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(5);
}

const startOf = ({ table }: Scene, id: string): Start | undefined =>
  table.ofContainer('default', id, new Date(0));

test('a start for which nothing comes is warm, and told when it is over', async () => {
  await using scene = open({ startMs: 200 });
  await startsOf(scene, 'a');
  const { kind, isOver } = startOf(scene, 'a') ?? {};
  assert.deepEqual([kind, isOver, scene.told.length], ['warm', false, 0]);
  await until(() => scene.told.length > 0);
  assert.deepEqual(scene.told, [startOf(scene, 'a')]);
  assert.equal(startOf(scene, 'a')?.isOver, true);
});

test('a start is over when its task ends, and what had to come by then is known', async () => {
  await using scene = open();
  await startsOf(scene, 'a');
  scene.reads.waited(BLOB, { offset: 0, length: 4096, reader: '/default/a' }, { ms: 5, filledBytes: 9 });
  await scene.happens('exited', 'a');
  await until(() => scene.told.length > 0);
  const { kind, waits, waitMs, filledBytes, container } = scene.told[0] ?? {};
  assert.deepEqual([kind, waits, waitMs, filledBytes, container], ['cold', 1, 5, 9, 'a']);
});

for (const [what, come, kind] of [
  ['a read of its own waits', (book) => wait(book, '/default/a/below'), 'cold'],
  ['a process of no container waits', (book) => wait(book, '/'), 'cold'],
  ['what starts touch comes', (book) => book.brought(BLOB.diffId), 'cold'],
  ['another container waits', (book) => wait(book, '/default/older'), 'warm'],
  ['another layer is waited for', (book) => wait(book, '/', OTHER), 'warm'],
] as const satisfies readonly (readonly [string, (book: ReadBook) => void, string])[])
  test(`a start is ${kind} when ${what}`, async () => {
    await using scene = open();
    await startsOf(scene, 'a');
    come(scene.reads);
    await scene.happens('exited', 'a');
    await until(() => scene.told.length > 0);
    assert.equal(scene.told[0]?.kind, kind);
  });

test('what a container of the same name has read is not the new one’s, and a task that starts again waits anew', async () => {
  await using scene = open();
  wait(scene.reads, '/default/a');
  await startsOf(scene, 'a');
  assert.deepEqual(scene.reads.entries(), []);
  wait(scene.reads, '/default/a');
  await scene.happens('exited', 'a');
  await until(() => scene.told.length === 1);
  await sleep(2);
  for (const kind of ['created', 'started', 'exited'] as const) await scene.happens(kind, 'a');
  await until(() => scene.told.length === 2);
  assert.deepEqual(
    scene.told.map(({ kind, waits }) => [kind, waits]),
    [
      ['cold', 1],
      ['warm', 0],
    ],
  );
});

test('a start is a trace, from the container’s record to what it has waited for last', async () => {
  using collected = collectSpans();
  await using scene = open();
  await scene.happens('recorded', 'a');
  const early = scene.spans.begin('/default/a');
  await sleep(2);
  early?.end({ diffId: LAYER.diffId, offset: 0, length: 4096, filledBytes: 9 });
  for (const kind of ['created', 'started', 'exited'] as const) await scene.happens(kind, 'a');
  await until(() => scene.told.length > 0);
  const byName = new Map(collected.ended.map((span) => [span.name, span]));
  assert.deepEqual([...byName.keys()].sort(), ['create task', 'fill', 'start container', 'start task']);
  const root = byName.get('start container');
  assert.deepEqual(root?.links, [scene.cause]);
  assert.equal(root.attributes['lade.image'], 'x');
  assert.equal(root.error, undefined);
  assert.equal(scene.spans.begin('/default/a'), undefined);
});

test('a task that ends before it was started is a start that has failed', async () => {
  using collected = collectSpans();
  await using scene = open();
  for (const kind of ['recorded', 'created', 'exited'] as const) await scene.happens(kind, 'a');
  assert.deepEqual(
    collected.ended.map(({ name, error }) => [name, error]),
    [
      ['create task', undefined],
      ['start container', 'aborted'],
    ],
  );
  assert.deepEqual([scene.told, scene.table.ofChain(CHAIN)], [[], []]);
});

test('a container of another snapshotter is left alone', async () => {
  await using scene = open();
  await startsOf(scene, 'other');
  await scene.happens('exited', 'other');
  assert.deepEqual(scene.table.ofChain(CHAIN), []);
});

function wait(book: ReadBook, reader: string, blob = BLOB): void {
  book.waited(blob, { offset: 0, length: 4096, reader }, { ms: 5, filledBytes: 9 });
}
