import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlClient, controlSocketPath, type DaemonEvent, type PullEvent } from '@lade/control-protocol';
import { startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { NO_BACKGROUND, statusOf } from './on-demand-site.ts';
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.ts';
import { READABLE, buildReadable } from './readable-image.ts';
import { Testbed, inSteps, needsRoot, waitUntil } from './testbed.ts';

/* A start of a container is a trace, with the reads that it has waited for: whoever has asked containerd for it. */

const PREFIX = `start-spans-${process.pid}`;
const BLOCK_BYTES = 4096;
const PREPARE = 'containerd.services.snapshots.v1.Snapshots/Prepare';

for (const [version, fill] of [
  ['1.7', 'fuse'],
  ['2.1', 'fanotify'],
] as const)
  test(`starts are traces, containerd ${version}, ${fill}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    await using origin = await startOrigin([await buildReadable(bed.folder)]);
    const image = `${origin.address}/readable:latest`;
    await using receiver = await OtlpReceiver.start();
    const bucketUrl = await bed.bucket('directory');
    const flags = [...NO_BACKGROUND, '--fill', fill];
    const source = await bed.node('source', bucketUrl, version, flags);
    await source.ladeOrThrow('pull', image);
    await source.publishes(image);
    const node = await bed.nodeWith('node', {
      bucketUrl,
      containerdVersion: version,
      flags,
      env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_BSP_SCHEDULE_DELAY: '100' },
    });
    using client = ControlClient.open(controlSocketPath(node.address));
    const name = (what: string): string => `${PREFIX}-${what}`;
    await using stack = new AsyncDisposableStack();
    const run = async (what: string, script: string): Promise<void> => {
      stack.defer(async () => client.containers.remove(name(what), { force: true }));
      const shell = ['/bin/busybox', 'sh', '-c', script];
      await node.ctr('run', '-d', '--snapshotter', 'lade', image, name(what), ...shell);
    };

    await step('it has the reads that have waited, and the requests for them', async () => {
      const pulled = await pull(node, image);
      await run('a', 'cat /data/first > /dev/null; sleep 1000');
      const { root, spans } = await startOf(receiver, name('a'));
      assert.deepEqual(
        [
          root.attributes['lade.start'],
          root.attributes['lade.image'],
          root.attributes['containerd.namespace'],
        ],
        ['cold', image, 'default'],
      );
      assertWhole(spans);
      assert.deepEqual(pathsOf(spans), PATHS);
      const fills = named(spans, 'fill');
      assert.ok(fills.length > 0 && fills.length <= Number(root.attributes['lade.waits']));
      for (const { startNs, endNs } of fills) assert.ok(startNs >= root.startNs && endNs <= root.endNs);
      for (const { attributes } of named(spans, 'bucket get'))
        assert.match(String(attributes['lade.bucket.key']), /^packs\//);
      assert.ok(root.links.includes(pulled));
      const [preparing] = root.links.filter((traceId) => traceId !== pulled);
      const prepared = named(receiver.spans, PREPARE).find(({ traceId }) => traceId === preparing);
      assert.match(String(prepared?.attributes['lade.key']), new RegExp(`^default/\\d+/${name('a')}$`));
      const events = await eventsOf(node, root.traceId);
      assert.deepEqual(new Set(events.map(({ kind }) => kind)), new Set(['container.started', 'bucket.get']));
    });

    await step('two at once have each their own, and nothing of the other', async () => {
      await Promise.all([
        run('b', 'cat /data/second > /dev/null; sleep 1000'),
        run('c', 'cat /data/rest > /dev/null; sleep 1000'),
      ]);
      for (const [what, file] of [
        ['b', 'second'],
        ['c', 'rest'],
      ] as const) {
        const { spans } = await startOf(receiver, name(what));
        assertWhole(spans);
        const [from, to] = rangeOf(file);
        for (const { attributes } of named(spans, 'fill')) {
          const offset = Number(attributes['lade.offset']);
          assert.ok(offset >= from && offset < to, `${what} ${offset}`);
        }
        assert.ok(named(spans, 'fill').length > 0);
      }
    });

    await step(
      'one that waits for nothing has only its steps, and what it reads later has no spans',
      async () => {
        await run('d', 'sleep 1000');
        const { root, spans } = await startOf(receiver, name('d'));
        assert.deepEqual(spans.map((span) => span.name).sort(), [
          'create task',
          'start container',
          'start task',
        ]);
        assert.equal(root.attributes['lade.start'], 'warm');
        const before = receiver.spans.length;
        const { waits } = (await statusOf(node)).residency;
        // From its middle, of which nothing was read ahead.
        const reading = ['dd', 'if=/data/gap', 'of=/dev/null', 'bs=4096', 'skip=4000', 'count=1'];
        await node.ctr('tasks', 'exec', '--exec-id', 'x', name('d'), '/bin/busybox', ...reading);
        assert.ok((await statusOf(node)).residency.waits > waits);
        await run('e', 'sleep 1000');
        await startOf(receiver, name('e'));
        assert.deepEqual(named(receiver.spans.slice(before), 'fill', 'bucket get'), []);
      },
    );
  });

/** What of a start lies in what. */
const PATHS = new Set([
  'start container',
  'start container > create task',
  'start container > start task',
  'start container > fill',
  'start container > fill > bucket get',
  'start container > fill > read ahead',
  'start container > fill > read ahead > bucket get',
]);

function named(spans: readonly ReceivedSpan[], ...names: readonly string[]): ReceivedSpan[] {
  return spans.filter(({ name }) => names.includes(name));
}

/** Its trace. */
async function pull(node: LadeNode, reference: string): Promise<string> {
  const events = parseLines<PullEvent>(await node.ladeOrThrow('pull', reference, '--json'));
  const [told] = events.flatMap((event) => (event.kind === 'traced' ? [event.traceId] : []));
  assert.match(told ?? '', /^[\da-f]{32}$/);
  return told ?? '';
}

/** When it is over. */
async function startOf(
  receiver: OtlpReceiver,
  container: string,
): Promise<{ readonly root: ReceivedSpan; readonly spans: readonly ReceivedSpan[] }> {
  const find = (): ReceivedSpan | undefined =>
    named(receiver.spans, 'start container').find(
      ({ attributes }) => attributes['container.id'] === container,
    );
  await waitUntil('its start is told', async () => find() !== undefined);
  const root = find();
  assert.ok(root);
  return { root, spans: receiver.spans.filter(({ traceId }) => traceId === root.traceId) };
}

/** One trace: one span that is the first, and all others in one that is there. */
function assertWhole(spans: readonly ReceivedSpan[]): void {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  assert.deepEqual(
    spans.filter(({ parentSpanId }) => !ids.has(parentSpanId)).map(({ name }) => name),
    ['start container'],
  );
  assert.ok(spans.every(({ startNs, endNs }) => startNs <= endNs));
}

function pathsOf(spans: readonly ReceivedSpan[]): Set<string> {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const pathOf = ({ name, parentSpanId }: ReceivedSpan): string => {
    const above = byId.get(parentSpanId);
    return above ? `${pathOf(above)} > ${name}` : name;
  };
  return new Set(spans.map(pathOf));
}

/** Where a file's bytes are in the blob of its layer. */
function rangeOf(file: keyof typeof READABLE): readonly [from: number, to: number] {
  let from = 0;
  for (const [name, size] of Object.entries(READABLE)) {
    const to = from + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
    if (name === file) return [from, to];
    from = to;
  }
  throw new RangeError(file);
}

async function eventsOf(node: LadeNode, traceId: string): Promise<DaemonEvent[]> {
  return parseLines<DaemonEvent>(await node.ladeOrThrow('events', '--trace', traceId, '--json'));
}

function parseLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as T);
}
