import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { DaemonEvent, PullEvent } from '@lade/control-protocol';
import { startOrigin, type BuiltImage } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.ts';
import { buildNoise } from './small-images.ts';
import { Testbed, inSteps, isNodesOwn, listObjects, needsRoot, readImage, waitUntil } from './testbed.ts';

/* What a pull leads to has one id, in the log, as events, and as spans that a collector gets. */

const LAYERS = 2;

for (const version of ['1.7', '2.1'] as const) {
  test(`a pull is one trace, containerd ${version}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const names = ['one', 'two', 'three', 'four'];
    const images = await Promise.all(names.map(async (name) => buildNoise(bed.folder, name, LAYERS)));
    await using origin = await startOrigin(images.map(({ layout }) => layout));
    const [one = '', two = '', three = '', four = ''] = images.map(({ name }) => `${origin.address}/${name}`);
    const receiver = await OtlpReceiver.start();
    await using stack = new AsyncDisposableStack();
    stack.use(receiver);
    const bucketUrl = await bed.bucket('directory');
    const node = await bed.nodeWith('node', {
      bucketUrl,
      containerdVersion: version,
      flags: ['--log-level', 'debug'],
      env: { ...process.env, ...variablesFor(receiver.endpoint) },
    });

    await step('everything between the request and the last upload is of it', async () => {
      const traceId = await pull(node, one);
      await node.publishes(one);
      const spans = await spansOf(receiver, traceId);
      assert.deepEqual(
        spans.filter(({ parentSpanId }) => parentSpanId === '').map(({ name }) => name),
        [REQUEST],
      );
      const byId = new Map(spans.map((span) => [span.spanId, span]));
      for (const { name, parentSpanId, startNs, endNs } of spans) {
        assert.ok(parentSpanId === '' || byId.has(parentSpanId), name);
        assert.ok(startNs <= endNs, name);
      }
      assert.deepEqual(
        PATHS.map(([name, count]) => [name, new Set(pathsOf(spans, byId, name)), count]),
        PATHS.map(([name, count, ...paths]) => [name, new Set(paths), count]),
      );
      for (const [name, count] of PATHS)
        assert.equal(spans.filter((span) => span.name === name).length, count, name);
      const keys = (await listObjects(bucketUrl)).map(({ key }) => key);
      const put = spans
        .filter(({ name }) => name === 'bucket put')
        .map(({ attributes }) => attributes)
        .filter((attributes) => !isNodesOwn(String(attributes['lade.bucket.key'])));
      assert.deepEqual(put.map((attributes) => attributes['lade.bucket.key']).sort(), keys.sort());
      for (const attributes of put) {
        assert.equal(attributes['lade.bucket.class'], 'write');
        assert.ok(Number(attributes['lade.bucket.bytes']) > 0);
      }
      await assertConventions(spans);
      assert.equal(receiver.headers['x-tenant'], 'some-one');
    });

    await step('the log and the events of a pull have its id, and no other has', async () => {
      const traceId = await pull(node, two);
      await node.publishes(two);
      const lines = (await readLog(node)).filter((line) => line['traceId'] === traceId);
      const messages = new Set(lines.map(({ message }) => message));
      for (const message of TOLD) assert.ok(messages.has(message), message);
      const { layers, diffIds } = await readImage(images[1] as BuiltImage);
      const digests = lines
        .filter(({ message }) => message === 'layer converted')
        .map(({ digest }) => digest);
      assert.deepEqual(digests.sort(), layers.toSorted());
      const published = lines
        .filter(({ message }) => message === 'layer published')
        .map(({ diffId }) => diffId);
      assert.deepEqual(published.sort(), diffIds.toSorted());
      const events = await eventsOf(node, traceId);
      assert.ok(events.every((event) => event['traceId'] === traceId));
      const kinds = new Set(events.map(({ kind }) => kind));
      for (const kind of KINDS) assert.ok(kinds.has(kind), kind);
    });

    await step('two pulls at once have two, and share nothing', async () => {
      const [first, second] = await Promise.all([pull(node, three), pull(node, four)]);
      assert.notEqual(first, second);
      for (const [traceId, name, image] of [
        [first, three, images[2]],
        [second, four, images[3]],
      ] as const) {
        await node.publishes(name);
        const { layers, diffIds } = await readImage(image as BuiltImage);
        const spans = await spansOf(receiver, traceId);
        const values = (span: string, attribute: string): unknown[] =>
          spans.filter((each) => each.name === span).map(({ attributes }) => attributes[attribute]);
        assert.deepEqual(values('convert layer', 'lade.digest').sort(), layers.toSorted());
        assert.deepEqual(values('publish layer', 'lade.diff_id').sort(), diffIds.toSorted());
        assert.deepEqual(values('pull', 'lade.image'), [name]);
        const { layers: own } = await readImage(image as BuiltImage);
        const asked = values('GET', 'url.full').flatMap((url) => /blobs\/(.*)$/.exec(String(url))?.[1] ?? []);
        for (const digest of own) assert.ok(asked.includes(digest));
        const others = (await readImage(images[image === images[2] ? 3 : 2] as BuiltImage)).layers;
        assert.ok(!others.some((digest) => asked.includes(digest)));
      }
      const places = receiver.spans.filter(({ name }) => name === 'pull').map((span) => span.spanId);
      assert.equal(new Set(places).size, places.length);
    });

    await step('without a collector a pull works as ever, and that is said once', async () => {
      await receiver[Symbol.asyncDispose]();
      await node.ladeOrThrow('pull', one, '--namespace', 'again');
      const lost = async (): Promise<number> =>
        (await readLog(node)).filter(({ message }) => String(message).startsWith('spans cannot')).length;
      await waitUntil('it is said', async () => (await lost()) > 0);
      await node.ladeOrThrow('pull', two, '--namespace', 'again');
      await node.uploaded();
      await node.stopDaemon();
      assert.equal(await lost(), 1);
      await node.startDaemon();
    });
  });
}

const RPC = 'containerd.services';
const PREPARE = `${RPC}.snapshots.v1.Snapshots/Prepare`;
const APPLY = `${RPC}.diff.v1.Diff/Apply`;
const COMMIT = `${RPC}.snapshots.v1.Snapshots/Commit`;

const REQUEST = 'POST /v1/images/pull';
const PULL = `${REQUEST} > pull`;

/** How many there are of these spans, and what they lie in. */
const PATHS: readonly (readonly [name: string, count: number, ...paths: string[]])[] = [
  ['pull', 1, REQUEST],
  ['download layer', LAYERS, PULL],
  ['unpack layer', LAYERS, PULL],
  [PREPARE, LAYERS, PULL],
  [APPLY, LAYERS, PULL],
  [COMMIT, LAYERS, PULL],
  ['convert layer', LAYERS, `${PULL} > ${APPLY}`],
  ['publish layer', LAYERS, `${PULL} > ${COMMIT}`],
  ['publish image', 1, PULL],
];

const TOLD = [
  'registry asked',
  'call answered',
  'layer converted',
  'layer published',
  'object put',
  'image published',
];

const KINDS = [
  'registry.get',
  'containerd.snapshots.prepare',
  'containerd.diff.apply',
  'containerd.snapshots.commit',
  'bucket.put',
  'log.info',
];

function variablesFor(endpoint: string): NodeJS.ProcessEnv {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=some-one',
    OTEL_SERVICE_NAME: 'some-lade',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  };
}

/** Its trace. */
async function pull(node: LadeNode, reference: string): Promise<string> {
  const events = parseLines<PullEvent>(await node.ladeOrThrow('pull', reference, '--json'));
  const [told] = events.flatMap((event) => (event.kind === 'traced' ? [event.traceId] : []));
  assert.match(told ?? '', /^[\da-f]{32}$/);
  return told ?? '';
}

/** When nothing of it is still to come. */
async function spansOf(receiver: OtlpReceiver, traceId: string): Promise<ReceivedSpan[]> {
  const own = (): ReceivedSpan[] => receiver.spans.filter((span) => span.traceId === traceId);
  await waitUntil('its last span is there', async () => own().some(({ name }) => name === 'publish image'));
  return own();
}

/** Names of what the spans of this name lie in, from the outside in. */
function pathsOf(
  spans: readonly ReceivedSpan[],
  byId: ReadonlyMap<string, ReceivedSpan>,
  name: string,
): string[] {
  return spans
    .filter((span) => span.name === name)
    .map(({ parentSpanId }) => {
      const path: string[] = [];
      for (let above = byId.get(parentSpanId); above; above = byId.get(above.parentSpanId))
        path.unshift(above.name);
      return path.join(' > ');
    });
}

async function assertConventions(spans: readonly ReceivedSpan[]): Promise<void> {
  const prepare = spans.find(({ name }) => name === PREPARE);
  assert.equal(prepare?.kind, 2);
  assert.equal(prepare.attributes['rpc.system.name'], 'grpc');
  assert.equal(prepare.attributes['rpc.method'], PREPARE);
  assert.equal(prepare.attributes['rpc.status_code'], 'OK');
  const request = spans.find(({ name }) => name === REQUEST);
  assert.equal(request?.kind, 2);
  assert.equal(request.attributes['http.request.method'], 'POST');
  assert.equal(request.attributes['http.route'], '/v1/images/pull');
  assert.equal(request.attributes['http.response.status_code'], 200);
  const asked = spans.find(({ name }) => name === 'GET');
  assert.equal(asked?.kind, 3);
  assert.equal(asked.attributes['http.request.method'], 'GET');
  assert.equal(asked.attributes['http.response.status_code'], 200);
  assert.match(String(asked.attributes['url.full']), /^http:\/\/127\.0\.0\.1:\d+\/v2\//);
  for (const { resource } of spans) {
    assert.equal(resource['service.name'], 'some-lade');
    assert.equal(resource['deployment.environment.name'], 'test');
  }
}

async function eventsOf(node: LadeNode, traceId: string): Promise<DaemonEvent[]> {
  return parseLines<DaemonEvent>(await node.ladeOrThrow('events', '--trace', traceId, '--json'));
}

async function readLog(node: LadeNode): Promise<Readonly<Record<string, unknown>>[]> {
  return parseLines(await readFile(node.logFile, 'utf8'));
}

function parseLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as T);
}
