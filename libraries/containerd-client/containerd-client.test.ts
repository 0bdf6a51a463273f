import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMessage } from '@bufbuild/protobuf';
import { isCodedError, type ErrorCode } from '@lade/errors';
import { digestOf, type Descriptor } from '@lade/oci';
import { ImageCreateSchema } from '@lade/protocol';
import { collectBytes, fromBytes } from '@lade/streams';
import { ContainerdClient, type ContainerdEvent } from './index.ts';
import { startPrivateContainerd, type PrivateContainerd } from './testing/private-containerd.ts';

/** Unpacked packages, folders with bin and sbin; what they lack, the machine has to have. */
const packages = [process.env['LADE_RUNC'], process.env['LADE_CONTAINERD']].filter(
  (path) => path !== undefined,
);
const searchPath = [
  ...packages.flatMap((folder) => [join(folder, 'sbin'), join(folder, 'bin')]),
  process.env['PATH'] ?? '',
].join(delimiter);
const skip = unlessRuns('containerd', '$LADE_CONTAINERD/bin');
const skipTasks = skip || unlessRuns('runc', '$LADE_RUNC/bin');
const SNAPSHOTTER = 'overlayfs';

let containerd: PrivateContainerd;
let client: ContainerdClient;

before(async () => {
  if (skip !== false) return;
  containerd = await startPrivateContainerd(searchPath);
  client = ContainerdClient.open({ address: containerd.address });
});

after(async () => {
  if (skip !== false) return;
  client[Symbol.dispose]();
  await containerd[Symbol.asyncDispose]();
});

test('version and plugins tell what is there', { skip }, async () => {
  assert.match((await client.version()).version, /^v?\d+\.\d+/);
  assert.match((await client.introspection.server()).uuid, /^[0-9a-f-]{36}$/);
  const plugins = await client.introspection.plugins(['type==io.containerd.snapshotter.v1']);
  const plugin = plugins.find(({ id }) => id === SNAPSHOTTER);
  assert.equal(plugin?.failure, undefined);
  assert.ok(plugin?.exports['root']?.endsWith(SNAPSHOTTER));
});

test('namespaces come and go, and each has its own content', { skip }, async () => {
  await client.namespaces.create({ name: 'other', labels: { a: 'b' } });
  assert.deepEqual(
    (await client.namespaces.list()).find(({ name }) => name === 'other'),
    { name: 'other', labels: { a: 'b' } },
  );
  await assert.rejects(client.namespaces.create({ name: 'other', labels: {} }), coded('already_exists'));
  const blob = await store(Buffer.from('only in default'));
  using other = ContainerdClient.open({ address: containerd.address, namespace: 'other' });
  await assert.rejects(other.content.info(blob.digest), coded('not_found'));
  await client.namespaces.delete('other');
  await assert.rejects(client.namespaces.delete('other'), coded('not_found'));
});

test('content comes back as it was put, whole and in ranges', { skip }, async () => {
  const bytes = randomBytes(5_000_000);
  const blob = await store(bytes, { 'lade/test': 'ranges' });
  const info = await client.content.info(blob.digest);
  assert.equal(info.size, bytes.byteLength);
  assert.equal(info.labels['lade/test'], 'ranges');
  assert.ok(Math.abs(info.createdAt.getTime() - Date.now()) < 600_000);
  const read = async (offset?: number, length?: number): Promise<Uint8Array> => {
    const range = {
      ...(offset === undefined ? {} : { offset }),
      ...(length === undefined ? {} : { length }),
    };
    return collectBytes(client.content.read(blob.digest, range), bytes.byteLength);
  };
  assert.ok(bytes.equals(await read()));
  assert.ok(bytes.subarray(1_000_000).equals(await read(1_000_000)));
  assert.ok(bytes.subarray(7, 3_000_007).equals(await read(7, 3_000_000)));
  assert.equal((await read(3, 0)).byteLength, 0);
  await assert.rejects(read(bytes.byteLength - 1, 2), coded('out_of_range'));
  await assert.rejects(read(bytes.byteLength + 1), coded('out_of_range'));
  const listed = await Array.fromAsync(client.content.list(['labels."lade/test"==ranges']));
  assert.deepEqual(listed, [{ ...info, updatedAt: listed[0]?.updatedAt }]);
});

test('content labels are added, replaced and removed one by one', { skip }, async () => {
  const { digest } = await store(Buffer.from('labels'), { keep: '1', change: '2', drop: '3' });
  const { labels } = await client.content.setLabels(digest, { change: '4', drop: '', 'dots.and/slash': '5' });
  const { 'containerd.io/gc.root': _, ...others } = labels;
  assert.deepEqual(others, { keep: '1', change: '4', 'dots.and/slash': '5' });
});

test('empty content can be put', { skip }, async () => {
  const { digest } = await store(Buffer.alloc(0));
  assert.equal((await client.content.info(digest)).size, 0);
});

test('put() of what is there reads no more of its source, and still sets labels', { skip }, async () => {
  const blob = await store(Buffer.from('there already'));
  async function* stalled(): AsyncGenerator<Uint8Array> {
    await sleep(600_000, undefined, { ref: false });
    yield Buffer.from('there already');
  }
  await client.content.put(blob, stalled(), { labels: { again: 'yes' } });
  assert.equal((await client.content.info(blob.digest)).labels['again'], 'yes');
});

test('put() goes on where an earlier one broke off', { skip }, async () => {
  const bytes = randomBytes(4_000_000);
  const blob = await breakOff(bytes, 'broken');
  // The second half alone is right: only a put that skips the first 1,000,000 bytes gets the digest.
  const source = fromBytes(Buffer.alloc(1_000_000), bytes.subarray(1_000_000));
  await client.content.put(blob, source, { ref: 'broken' });
  assert.equal((await client.content.info(blob.digest)).size, bytes.byteLength);
});

test('put() asks for no more than what an earlier one lacked', { skip }, async () => {
  const bytes = randomBytes(4_000_000);
  const blob = await breakOff(bytes, 'broken-too');
  const offsets: number[] = [];
  const rest = (offset: number): AsyncIterable<Uint8Array> => {
    offsets.push(offset);
    return fromBytes(bytes.subarray(offset));
  };
  await client.content.put(blob, rest, { ref: 'broken-too' });
  assert.deepEqual(offsets, [2_000_000]);
  assert.equal((await client.content.info(blob.digest)).size, bytes.byteLength);
});

test('put() of the same content at the same time succeeds everywhere', { skip }, async () => {
  const bytes = randomBytes(3_000_000);
  const blob = describe(bytes);
  await Promise.all(Array.from({ length: 4 }, () => client.content.put(blob, fromBytes(bytes))));
  assert.equal((await client.content.info(blob.digest)).size, bytes.byteLength);
});

test('put() refuses wrong bytes, and does not keep them for the next try', { skip }, async () => {
  const bytes = randomBytes(1000);
  const blob = describe(bytes);
  await assert.rejects(client.content.put(blob, fromBytes(randomBytes(1000))), coded('failed_precondition'));
  await assert.rejects(client.content.put(blob, fromBytes(bytes.subarray(1))), coded('failed_precondition'));
  await assert.rejects(client.content.info(blob.digest), coded('not_found'));
  await client.content.put(blob, fromBytes(bytes));
  await client.content.delete(blob.digest);
  await assert.rejects(client.content.info(blob.digest), coded('not_found'));
});

test(
  'ingest() stores what it learns only at the end, in the place of what a broken one has left',
  { skip },
  async () => {
    const bytes = randomBytes(3_500_000);
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 2_000_000);
      await sleep(200); // for containerd to take what is under way
      throw new Error('the disk broke');
    }
    const labels = async (): Promise<Record<string, string>> => ({ 'lade/test': 'ingested' });
    await assert.rejects(client.content.ingest(breaking(), { ref: 'unknown', labels }), /the disk broke/);
    for (const content of [bytes, Buffer.alloc(0)]) {
      const stored = await client.content.ingest(fromBytes(content), { ref: 'unknown', labels });
      const { digest, size } = describe(content);
      assert.deepEqual(stored, { digest, size });
      assert.equal((await client.content.info(digest)).labels['lade/test'], 'ingested');
      assert.ok(content.equals(await collectBytes(client.content.read(digest), size)));
    }
  },
);

test(
  'ingest() of what is there gives it only the labels that it lacks, and puts it under the lease',
  { skip },
  async () => {
    const bytes = randomBytes(1000);
    const { digest } = await store(bytes, { kept: 'old' });
    await client.withLease(async (leased) => {
      const labels = async (): Promise<Record<string, string>> => ({ kept: 'new', added: 'yes' });
      assert.deepEqual(await leased.content.ingest(fromBytes(bytes), { ref: 'again', labels }), {
        digest,
        size: 1000,
      });
      const after = await client.content.setLabels(digest, { 'containerd.io/gc.root': '' });
      assert.deepEqual(after.labels, { kept: 'old', added: 'yes' });
      const { id } = await client.leases.create();
      await client.leases.delete(id, { sync: true });
      assert.equal((await client.content.info(digest)).size, 1000);
    });
  },
);

test(
  'ingest() waits for another one with its ref to end; abort() drops what one has left',
  { skip },
  async () => {
    const started = Promise.withResolvers<void>();
    const going = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield randomBytes(100);
      started.resolve();
      await going.promise;
      throw new Error('enough');
    }
    const first = client.content.ingest(slow(), { ref: 'busy' });
    await started.promise;
    const bytes = randomBytes(200);
    const second = client.content.ingest(fromBytes(bytes), { ref: 'busy' });
    await sleep(100);
    going.resolve();
    await assert.rejects(first, /enough/);
    assert.equal((await second).digest, digestOf(bytes));
    await assert.rejects(client.content.ingest(slow(), { ref: 'left' }), /enough/);
    await sleep(200); // for containerd to let go of it
    await client.content.abort('left');
    await assert.rejects(client.content.abort('left'), coded('not_found'));
  },
);

test('calls end when their signal says so', { skip }, async () => {
  await assert.rejects(client.content.info(digestOf('x'), { signal: AbortSignal.abort() }), {
    name: 'AbortError',
  });
  const stop = new AbortController();
  const events = client.events.subscribe([], { signal: stop.signal });
  const next = events.next();
  setTimeout(() => stop.abort(), 50);
  await assert.rejects(next, { name: 'AbortError' });
});

test('images are created, found, updated and deleted', { skip }, async () => {
  const target = await store(Buffer.from('{}'), {}, 'application/vnd.oci.image.manifest.v1+json');
  const record = { name: 'example.test/a:1', target, labels: { x: 'y' } };
  const image = await client.images.create(record);
  assert.deepEqual(await client.images.get(record.name), image);
  assert.deepEqual(image.target, target);
  await assert.rejects(client.images.create(record), coded('already_exists'));
  const other = await store(Buffer.from('{ }'), {}, target.mediaType);
  await client.images.update({ ...record, target: other, labels: {} });
  assert.deepEqual(
    (await client.images.list([`name==${record.name}`])).map(({ target, labels }) => [target.digest, labels]),
    [[other.digest, {}]],
  );
  await client.images.delete(record.name, { sync: true });
  await assert.rejects(client.images.get(record.name), coded('not_found'));
});

test('snapshots are prepared, filled by a layer, committed and removed', { skip }, async (t) => {
  const snapshots = client.snapshots(SNAPSHOTTER);
  await client.withLease(async (leased) => {
    const tar = layerTar({ hello: 'world' });
    const layer = await store(tar, {}, 'application/vnd.oci.image.layer.v1.tar');
    const mine = leased.snapshots(SNAPSHOTTER);
    const mounts = await mine.prepare('active', { labels: { a: 'b' } });
    assert.deepEqual(await mine.mounts('active'), mounts);
    assert.equal((await leased.diff.apply(layer, mounts)).digest, digestOf(tar));
    assert.equal((await mine.stat('active')).kind, 'active');
    await mine.commit('base', 'active', { labels: { c: 'd' } });
    const base = await mine.stat('base');
    assert.equal(base.kind, 'committed');
    assert.equal(base.labels['c'], 'd');
    assert.ok((await mine.usage('base')).size > 0);
    await assert.rejects(mine.prepare('base'), coded('already_exists'));
    await assert.rejects(mine.prepare('orphan', { parent: 'nobody' }), coded('not_found'));
    const view = await mine.view('view', { parent: 'base' });
    const above = await mine.prepare('above', { parent: 'base' });
    const names = (await Array.fromAsync(mine.list())).map(({ name }) => name);
    assert.deepEqual(names.toSorted(), ['above', 'base', 'view']);
    await assert.rejects(mine.remove('base'), coded('failed_precondition'));
    const made = await leased.diff.compare(view, above);
    t.diagnostic(`an empty layer is ${made.mediaType} of ${made.size} bytes`);
    assert.equal((await client.content.info(made.digest)).size, made.size);
    for (const name of ['view', 'above', 'base']) await mine.remove(name);
  });
  assert.deepEqual(await Array.fromAsync(snapshots.list()), []);
  await assert.rejects(snapshots.stat('base'), coded('not_found'));
});

test('a lease keeps content until it ends', { skip }, async () => {
  const collect = async (): Promise<void> => {
    const { id } = await client.leases.create();
    await client.leases.delete(id, { sync: true });
  };
  const bytes = randomBytes(100);
  const blob = describe(bytes);
  await client.withLease(async (leased) => {
    await leased.content.put(blob, fromBytes(bytes));
    assert.equal((await client.leases.list()).length, 1);
    await collect();
    assert.equal((await client.content.info(blob.digest)).size, 100);
  });
  assert.deepEqual(await client.leases.list(), []);
  await collect();
  await assert.rejects(client.content.info(blob.digest), coded('not_found'));
});

test('events arrive with their messages', { skip }, async () => {
  const events = client.events.subscribe(['topic~="/images/"']);
  const first = events.next();
  const target = await store(Buffer.from('{"event":1}'));
  const isDone = pending(first);
  // The subscription is on its way while we begin: repeat until containerd has it.
  for (let i = 0; !(await isDone()); i += 1) {
    await client.images.create({ name: `example.test/event:${i}`, target, labels: { i: `${i}` } });
    await sleep(20);
  }
  const { value } = (await first) as { value: ContainerdEvent };
  await events.return(undefined);
  assert.equal(value.topic, '/images/create');
  assert.equal(value.namespace, 'default');
  assert.ok(value.message && isMessage(value.message, ImageCreateSchema));
  assert.match(value.message.name, /^example\.test\/event:/);
  for (const { name } of await client.images.list()) await client.images.delete(name);
});

test('a container runs, is killed, and says so', { skip: skipTasks }, async (t) => {
  const id = `lade-client-${process.pid}`;
  const record = {
    id,
    image: '',
    labels: { a: 'b' },
    runtime: 'io.containerd.runc.v2',
    snapshotter: '',
    snapshotKey: '',
  };
  const container = await client.containers.create({ ...record, spec: SLEEP });
  t.after(async () => {
    await client.tasks.kill(id, 'SIGKILL', { all: true }).catch(() => {});
    await client.tasks.delete(id).catch(() => {});
    await client.containers.delete(id).catch(() => {});
  });
  assert.deepEqual(await client.containers.get(id), container);
  assert.deepEqual(container.spec, SLEEP);
  assert.equal((await client.containers.list()).length, 1);
  await assert.rejects(client.tasks.start(id), coded('not_found'));
  const rootfs = [{ type: 'bind', source: '/', target: '', options: ['rbind', 'ro'] }];
  const pid = await client.tasks.create(id, { rootfs });
  const exit = client.tasks.wait(id);
  assert.equal(await client.tasks.start(id), pid);
  assert.deepEqual(await client.tasks.list(), [{ containerId: id, pid, status: 'running' }]);
  await assert.rejects(client.tasks.delete(id), /running process/);
  await client.tasks.kill(id, 'SIGKILL');
  assert.equal((await exit).exitStatus, 137);
  assert.equal((await client.tasks.delete(id)).exitStatus, 137);
  await client.containers.delete(id);
  assert.deepEqual(await client.containers.list(), []);
});

const SLEEP = {
  ociVersion: '1.0.2',
  process: { user: { uid: 0, gid: 0 }, args: ['/bin/sleep', '600'], env: ['PATH=/bin'], cwd: '/' },
  root: { path: 'rootfs', readonly: true },
  mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
  linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }] },
};

/** Why tests cannot run here; false when they can. Where everything has to run, nothing is skipped. */
function unlessRuns(program: string, place: string): string | false {
  const runs = spawnSync(program, ['--version'], { env: { PATH: searchPath } }).status === 0;
  if (runs || process.env['CI'] !== undefined) return false;
  return `SKIPPED, NOT TESTED: no ${program} that runs in ${place} or PATH`;
}

function describe(bytes: Uint8Array, mediaType = 'application/octet-stream'): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

/** Kept from garbage collection as a root of its own. */
async function store(bytes: Uint8Array, labels = {}, mediaType?: string): Promise<Descriptor> {
  const descriptor = describe(bytes, mediaType);
  const root = { 'containerd.io/gc.root': new Date().toISOString() };
  await client.content.put(descriptor, fromBytes(bytes), { labels: { ...root, ...labels } });
  return descriptor;
}

function layerTar(files: Readonly<Record<string, string>>): Uint8Array {
  const folder = join(containerd.scratch, 'layer');
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return execFileSync('tar', ['-C', folder, '-c', ...Object.keys(files)]);
}

function pending(promise: Promise<unknown>): () => Promise<boolean> {
  const open = Symbol('pending');
  return async () => (await Promise.race([promise, Promise.resolve(open)])) !== open;
}

/** Begins to put these bytes, and stops in the middle. */
async function breakOff(bytes: Uint8Array, ref: string): Promise<Descriptor> {
  const blob = describe(bytes);
  async function* breaking(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, bytes.byteLength / 2);
    await sleep(200); // for containerd to take what is under way
    throw new Error('the network broke');
  }
  await assert.rejects(client.content.put(blob, breaking(), { ref }), /the network broke/);
  return blob;
}

function coded(code: ErrorCode): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isCodedError(error, code), `${code} expected: ${String(error)}`);
    return true;
  };
}
