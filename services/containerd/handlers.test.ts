import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CodedError, isCodedError } from '@lade/errors';
import { GrpcClient, GrpcServer } from '@lade/grpc';
import { MEDIA_TYPES, digestOf } from '@lade/oci';
import { Diff } from '@lade/protocol/diff';
import { Kind, Snapshots, type Info } from '@lade/protocol/snapshots';
import { Snapshotter } from '@lade/snapshots';
import { testSnapshotter, type ConformanceSubject } from '@lade/snapshots/conformance';
import { openDatabase } from '@lade/sqlite';
import { KnownTraces } from '@lade/tracing';
import { CallTraces, diffHandlers, snapshotHandlers, type LayerMaker, type LayerUnpacker } from './index.ts';

const LAYER = digestOf('layer');
const NOBODY: LayerUnpacker & LayerMaker = {
  unpack: async () => {
    throw new CodedError('not_found', 'Cannot read the layer');
  },
  make: async () => {
    throw new CodedError('not_found', 'Cannot make a layer');
  },
};

interface Bed extends AsyncDisposable {
  readonly client: GrpcClient;
}

/** A snapshotter, whose one layer is mounted on its root, behind a real socket. */
async function openBed(root: string, ports: Partial<LayerUnpacker & LayerMaker> = {}): Promise<Bed> {
  await using stack = new AsyncDisposableStack();
  const db = stack.adopt(openDatabase(join(root, 'state.db')), (opened) => opened.close());
  const snapshotter = stack.use(
    await Snapshotter.open({
      root,
      db,
      layers: {
        mount: async () => root,
        layerAt: (directory) => (directory === root ? LAYER : undefined),
        usage: async () => ({ sizeBytes: 5, inodes: 1 }),
        impliedDirectories: async () => [],
        retain: async () => {},
      },
      remote: { find: async () => undefined },
      listener: { committed: () => {}, unpacked: () => {} },
      boot: 'a boot',
      attributes: { copyAttributes: async () => {}, isOpaque: async () => false },
    }),
  );
  const server = stack.use(new GrpcServer());
  server.add(Snapshots, snapshotHandlers(snapshotter));
  const both = { ...NOBODY, ...ports };
  server.add(
    Diff,
    diffHandlers(snapshotter, { unpacker: both, maker: both, traces: new CallTraces(new KnownTraces()) }),
  );
  await server.listen(join(root, 's.sock'));
  const client = stack.use(new GrpcClient(join(root, 's.sock')));
  const owned = stack.move();
  return { client, [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}

async function openTestBed(t: TestContext, ports?: Partial<LayerUnpacker & LayerMaker>): Promise<GrpcClient> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'lade-services-'));
  const bed = await openBed(folder.path, ports);
  t.after(async () => {
    await bed[Symbol.asyncDispose]();
    await folder.remove();
  });
  return bed.client;
}

/** The suite's subject, every call of it over the wire. */
function overTheWire({ client, [Symbol.asyncDispose]: dispose }: Bed): ConformanceSubject {
  const calls = Snapshots.method;
  return {
    prepare: async (key, parent, labels = {}) =>
      (await client.call(calls.prepare, { key, parent, labels: { ...labels } })).mounts,
    view: async (key, parent, labels = {}) =>
      (await client.call(calls.view, { key, parent, labels: { ...labels } })).mounts,
    mounts: async (key) => (await client.call(calls.mounts, { key })).mounts,
    commit: async (name, key, { labels = {}, parent = '' } = {}) =>
      void (await client.call(calls.commit, { name, key, labels: { ...labels }, parent })),
    remove: async (key) => void (await client.call(calls.remove, { key })),
    stat: async (key) => fromWire((await client.call(calls.stat, { key })).info),
    update: async ({ name, labels }, paths = []) =>
      fromWire(
        (
          await client.call(calls.update, {
            info: { name, labels: { ...labels } },
            updateMask: { paths: [...paths] },
          })
        ).info,
      ),
    async *walk(filters = []) {
      for await (const { info } of client.stream(calls.list, { filters: [...filters] }))
        yield* info.map(fromWire);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

const KINDS = new Map<Kind, 'active' | 'committed' | 'view'>([
  [Kind.ACTIVE, 'active'],
  [Kind.COMMITTED, 'committed'],
  [Kind.VIEW, 'view'],
]);

function fromWire(info: Info | undefined): ReturnType<Snapshotter['stat']> {
  const kind = info && KINDS.get(info.kind);
  if (!info || !kind) throw new TypeError('an answer has info of a kind');
  const ns = (time: Info['createdAt']): bigint =>
    (time?.seconds ?? 0n) * 1_000_000_000n + BigInt(time?.nanos ?? 0);
  const { name, parent, labels } = info;
  return { name, parent, kind, labels, createdAt: ns(info.createdAt), updatedAt: ns(info.updatedAt) };
}

testSnapshotter('the snapshots service', async (root) => overTheWire(await openBed(root)));

test('List sends batches of a hundred', async (t) => {
  const client = await openTestBed(t);
  for (let i = 0; i < 250; i++) await client.call(Snapshots.method.prepare, { key: `k${i}` });
  const sizes: number[] = [];
  for await (const { info } of client.stream(Snapshots.method.list, {})) sizes.push(info.length);
  assert.deepEqual(sizes, [100, 100, 50]);
});

test('Update without info is refused', async (t) => {
  const client = await openTestBed(t);
  await assert.rejects(client.call(Snapshots.method.update, {}), (e) => isCodedError(e, 'invalid_argument'));
});

test('Apply converts the layer into the snapshot behind the mounts, in the namespace of its key', async (t) => {
  const asked: string[] = [];
  let disposed = false;
  const client = await openTestBed(t, {
    async unpack({ digest, sizeBytes }, { namespace }) {
      asked.push(`${namespace} ${digest} ${sizeBytes}`);
      return { diffId: LAYER, tarBytes: 10_240, [Symbol.dispose]: () => void (disposed = true) };
    },
  });
  const { mounts } = await client.call(Snapshots.method.prepare, { key: 'k8s.io/7/extract' });
  const diff = { mediaType: MEDIA_TYPES.layerGzip, digest: digestOf('gz'), size: 99n };
  const { applied } = await client.call(Diff.method.apply, { diff, mounts });
  assert.deepEqual([applied?.digest, applied?.size, applied?.mediaType], [LAYER, 10_240n, MEDIA_TYPES.layer]);
  assert.deepEqual(asked, [`k8s.io ${digestOf('gz')} 99`]);
  assert.ok(disposed);
  await client.call(Snapshots.method.commit, { name: 'c', key: 'k8s.io/7/extract' });
  assert.equal((await client.call(Snapshots.method.usage, { key: 'c' })).size, 5n);
});

test('Apply of a layer to mounts that show it already changes nothing; another one is refused', async (t) => {
  let diffId = LAYER;
  const client = await openTestBed(t, {
    unpack: async () => ({ diffId, tarBytes: 1, [Symbol.dispose]: () => {} }),
  });
  const diff = { mediaType: MEDIA_TYPES.layerGzip, digest: digestOf('gz'), size: 99n };
  const { mounts } = await client.call(Snapshots.method.prepare, { key: 'ns/1/staged' });
  await client.call(Diff.method.apply, { diff, mounts });
  const staged = (await client.call(Snapshots.method.mounts, { key: 'ns/1/staged' })).mounts;
  assert.deepEqual(staged[0]?.options, ['ro', 'rbind']);
  const { applied } = await client.call(Diff.method.apply, { diff, mounts: staged });
  assert.equal(applied?.digest, LAYER);
  diffId = digestOf('another layer');
  await assert.rejects(client.call(Diff.method.apply, { diff, mounts: staged }), (e) =>
    isCodedError(e, 'failed_precondition'),
  );
});

test('Apply leaves foreign mounts and foreign media types to the next differ', async (t) => {
  const client = await openTestBed(t);
  const { mounts } = await client.call(Snapshots.method.prepare, { key: 'k' });
  const layer = { mediaType: MEDIA_TYPES.layerGzip, digest: LAYER, size: 1n };
  const foreign = [{ type: 'bind', source: '/somewhere/else', options: ['rw'] }];
  for (const request of [
    { diff: layer, mounts: foreign },
    { diff: { ...layer, mediaType: 'application/vnd.example.layer+encrypted' }, mounts },
  ]) {
    await assert.rejects(client.call(Diff.method.apply, request), (e) => isCodedError(e, 'unimplemented'));
  }
});

test('an Apply that fails leaves the snapshot as it was', async (t) => {
  const client = await openTestBed(t);
  const { mounts } = await client.call(Snapshots.method.prepare, { key: 'k' });
  const diff = { mediaType: MEDIA_TYPES.layer, digest: LAYER, size: 1n };
  await assert.rejects(client.call(Diff.method.apply, { diff, mounts }), (e) => isCodedError(e, 'not_found'));
  const again = await client.call(Snapshots.method.mounts, { key: 'k' });
  assert.deepEqual(again.mounts[0]?.source, mounts[0]?.source);
});

type Made = Parameters<LayerMaker['make']>;

test('Diff makes a layer of the snapshot behind the mounts, in the namespace of its key', async (t) => {
  const asked: [...Made][] = [];
  const client = await openTestBed(t, {
    async make(...args) {
      asked.push(args);
      return { digest: LAYER, sizeBytes: 77 };
    },
  });
  const { mounts: right } = await client.call(Snapshots.method.prepare, { key: 'k8s.io/7/container' });
  const { mounts: left } = await client.call(Snapshots.method.view, { key: 'k8s.io/8/empty' });
  const mediaTypes = {
    '': 'gzip',
    [MEDIA_TYPES.layer]: 'none',
    [MEDIA_TYPES.layerGzip]: 'gzip',
    [MEDIA_TYPES.layerZstd]: 'zstd',
    [MEDIA_TYPES.dockerLayerGzip]: 'gzip',
  };
  for (const [mediaType, compression] of Object.entries(mediaTypes)) {
    const { diff } = await client.call(Diff.method.diff, { left, right, mediaType });
    assert.deepEqual([diff?.digest, diff?.size], [LAYER, 77n]);
    assert.equal(diff?.mediaType, mediaType || MEDIA_TYPES.layerGzip);
    assert.equal(asked.at(-1)?.[1].compression, compression);
  }
  const request = { ref: 'a ref', labels: { a: 'label' }, sourceDateEpoch: { seconds: 5n, nanos: 7 } };
  await client.call(Diff.method.diff, { left, right, ...request }, { namespace: 'named' });
  const [plain, full] = [asked[0], asked.at(-1)];
  assert.deepEqual(plain?.[0].keys, ['k8s.io/7/container']);
  assert.deepEqual(plain[1], { compression: 'gzip', ref: undefined, labels: {}, modifiedUntilNs: undefined });
  const { ref, labels, modifiedUntilNs } = full?.[1] ?? {};
  assert.deepEqual([ref, labels, modifiedUntilNs], ['a ref', { a: 'label' }, 5_000_000_007n]);
  assert.deepEqual([plain[2].namespace, full?.[2].namespace], ['k8s.io', 'named']);
});

test('Diff leaves foreign mounts, other pairs than parent and child, and foreign media types to the next differ', async (t) => {
  const client = await openTestBed(t);
  const { mounts } = await client.call(Snapshots.method.prepare, { key: 'k' });
  const { mounts: other } = await client.call(Snapshots.method.prepare, { key: 'other' });
  const foreign = [{ type: 'bind', source: '/somewhere/else', options: ['rw'] }];
  for (const request of [
    {},
    { right: foreign },
    { left: foreign, right: mounts },
    { left: other, right: mounts },
    { right: mounts, mediaType: 'application/vnd.example.layer+encrypted' },
  ])
    await assert.rejects(client.call(Diff.method.diff, request), (e) => isCodedError(e, 'unimplemented'));
  await assert.rejects(client.call(Diff.method.diff, { right: mounts }), (e) => isCodedError(e, 'not_found'));
});
