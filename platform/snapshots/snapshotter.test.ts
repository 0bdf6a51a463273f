import assert from 'node:assert/strict';
import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError, type ErrorCode } from '@lade/errors';
import { chainIds, digestOf } from '@lade/oci';
import { openTestBed } from './testing/test-bed.ts';

const isRefusal =
  (code: ErrorCode, message = /./) =>
  (reason: unknown): boolean =>
    isCodedError(reason, code) && message.test(reason.message);

test('a root that overlay options cannot carry is refused with a cure', async () => {
  await using bed = await openTestBed();
  for (const root of [
    'relative',
    join(bed.folder, 'a:b'),
    join(bed.folder, 'a,b'),
    join(bed.folder, 'a\\b'),
  ]) {
    await assert.rejects(
      bed.open({ root }),
      (reason) => isCodedError(reason, 'invalid_argument') && reason.cure !== undefined,
    );
  }
});

test('of 100 parallel prepares of one key one wins, and the others leave nothing behind', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, async () => snapshotter.prepare('key', '')),
  );
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const result of results) {
    if (result.status === 'rejected') assert.ok(isCodedError(result.reason, 'already_exists'));
  }
  assert.deepEqual(await bed.contents(), ['1']);
});

test('mounts are a bind of the directory, an overlay above parents, and read-only for views', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const directory = (id: number, name: string): string => join(bed.root, 'snapshots', String(id), name);
  const bind = (id: number, access: string): object[] => [
    { type: 'bind', source: directory(id, 'fs'), target: '', options: [access, 'rbind'] },
  ];
  assert.deepEqual(await snapshotter.prepare('a', ''), bind(1, 'rw'));
  assert.deepEqual(await snapshotter.view('empty', ''), bind(2, 'ro'));
  snapshotter.commit('A', 'a');
  assert.deepEqual(await snapshotter.view('view-a', 'A'), bind(1, 'ro'));
  const [mount] = await snapshotter.prepare('b', 'A');
  assert.equal(mount?.type, 'overlay');
  assert.deepEqual(
    mount.options.filter((option) => option !== 'index=off'),
    [`workdir=${directory(4, 'work')}`, `upperdir=${directory(4, 'fs')}`, `lowerdir=${directory(1, 'fs')}`],
  );
  snapshotter.commit('B', 'b');
  const [view] = await snapshotter.view('view-b', 'B');
  assert.equal(view?.options.at(-1), `lowerdir=${directory(4, 'fs')}:${directory(1, 'fs')}`);
  assert.ok(view.options.every((option) => !option.startsWith('upperdir=')));
  const again = await bed.open();
  assert.deepEqual(await again.mounts('view-b'), [view]);
  assert.deepEqual(await again.mounts('empty'), bind(2, 'ro'));
});

test('the root of a new snapshot has the mode and owner of its parent', { skip: needsRoot() }, async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const [mount] = await snapshotter.prepare('a', '');
  await chmod(mount?.source ?? '', 0o1770);
  await chown(mount?.source ?? '', 3, 4);
  snapshotter.commit('A', 'a');
  await snapshotter.prepare('b', 'A');
  const { mode, uid, gid } = await stat(join(bed.root, 'snapshots', '2', 'fs'));
  assert.deepEqual([mode & 0o7777, uid, gid], [0o1770, 3, 4]);
});

test('commit() replaces labels and times, frees the key, and sets the parent of a snapshot that has none', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  await snapshotter.prepare('a', '', { kept: 'no' });
  snapshotter.commit('A', 'a', { labels: { fresh: 'yes', empty: '' } });
  assert.deepEqual(snapshotter.stat('A').labels, { fresh: 'yes' });
  await snapshotter.prepare('a', '');
  const prepared = snapshotter.stat('a');
  assert.throws(() => snapshotter.commit('B', 'a', { parent: 'nobody' }), isRefusal('not_found'));
  assert.throws(() => snapshotter.commit('B', 'a', { parent: 'a' }), isRefusal('failed_precondition'));
  snapshotter.commit('B', 'a', { parent: 'A' });
  assert.equal(snapshotter.stat('B').parent, 'A');
  assert.ok(snapshotter.stat('B').createdAt > prepared.createdAt);
  await snapshotter.prepare('c', 'B');
  assert.throws(() => snapshotter.commit('C', 'c', { parent: 'A' }), isRefusal('invalid_argument'));
  snapshotter.commit('C', 'c', { parent: 'B' });
  assert.equal(snapshotter.stat('C').parent, 'B');
});

test('labels up to the limit of containerd come back as they were, longer ones are refused', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const labels = Object.fromEntries(
    Array.from({ length: 64 }, (_, i) => [`${i}"é`.padEnd(64), 'x'.repeat(4031)]),
  );
  await snapshotter.prepare('a', '', { ...labels, ['__proto__']: 'p' });
  assert.deepEqual(snapshotter.stat('a').labels, { ...labels, ['__proto__']: 'p' });
  const tooLong = { key: 'x'.repeat(4094) };
  await assert.rejects(snapshotter.prepare('b', '', tooLong), isRefusal('invalid_argument'));
  assert.throws(() => snapshotter.update({ name: 'a', labels: tooLong }), isRefusal('invalid_argument'));
  assert.throws(() => snapshotter.commit('A', 'a', { labels: tooLong }), isRefusal('invalid_argument'));
  assert.equal(snapshotter.stat('a').kind, 'active');
});

test('empty names are refused', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  await assert.rejects(snapshotter.prepare('', ''), isRefusal('invalid_argument'));
  await snapshotter.prepare('a', '');
  assert.throws(() => snapshotter.commit('', 'a'), isRefusal('invalid_argument'));
});

test('usage() counts what a directory allocates, remembers it for committed ones, and asks for layers', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const [mount] = await snapshotter.prepare('a', '');
  const empty = await snapshotter.usage('a');
  assert.equal(empty.inodes, 1);
  await writeFile(join(mount?.source ?? '', 'file'), Buffer.alloc(100_000, 1));
  const filled = await snapshotter.usage('a');
  assert.equal(filled.inodes, 2);
  assert.ok(filled.sizeBytes >= empty.sizeBytes + 100_000);
  snapshotter.commit('A', 'a');
  assert.deepEqual(await snapshotter.usage('A'), filled);
  await writeFile(join(mount?.source ?? '', 'more'), 'committed content never changes');
  assert.deepEqual(await snapshotter.usage('A'), filled);
  await snapshotter.view('view', 'A');
  assert.deepEqual(await snapshotter.usage('view'), { sizeBytes: 0, inodes: 0 });
  await snapshotter.prepare('layer', 'A');
  snapshotter.attachLayer('layer', await bed.layers.add(':'));
  assert.deepEqual(await snapshotter.usage('layer'), { sizeBytes: 4096, inodes: 7 });
});

test('snapshotAt() finds the active snapshot behind mounts, and nothing behind others', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const bound = await snapshotter.prepare('a', '');
  assert.deepEqual(snapshotter.snapshotAt(bound), { id: 1, key: 'a' });
  snapshotter.commit('A', 'a');
  const stacked = await snapshotter.prepare('b', 'A');
  assert.deepEqual(snapshotter.snapshotAt(stacked), { id: 2, key: 'b' });
  const view = await snapshotter.view('v', 'A');
  const foreign = { type: 'bind', source: '/somewhere/else/snapshots/2/fs', target: '', options: ['rw'] };
  for (const mounts of [bound, view, [], [foreign]]) assert.equal(snapshotter.snapshotAt(mounts), undefined);
});

test('an attached layer becomes the content, and its commit is told with its chain', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const diffIds = [await bed.layers.add('mkdir a'), await bed.layers.add('mkdir b')];
  const [lowest = digestOf(''), upper = digestOf('')] = diffIds;
  const chain = chainIds(diffIds);
  await snapshotter.prepare('a', '');
  snapshotter.attachLayer('a', lowest);
  snapshotter.attachLayer('a', lowest);
  assert.throws(() => snapshotter.attachLayer('a', upper), isRefusal('failed_precondition'));
  assert.deepEqual(await snapshotter.mounts('a'), [
    { type: 'bind', source: await bed.layers.mount(lowest, {}), target: '', options: ['ro', 'rbind'] },
  ]);
  snapshotter.commit('A', 'a');
  await snapshotter.prepare('b', '');
  snapshotter.attachLayer('b', upper);
  snapshotter.commit('B', 'b', { parent: 'A' });
  assert.deepEqual(bed.commits, [
    { chainId: chain[0], parentChainId: undefined, diffId: lowest },
    { chainId: chain[1], parentChainId: chain[0], diffId: upper },
  ]);
  const [mount] = await snapshotter.prepare('c', 'B');
  const lower = [await bed.layers.mount(upper, {}), await bed.layers.mount(lowest, {})];
  assert.equal(mount?.options.at(-1), `lowerdir=${lower.join(':')}`);
  await snapshotter.cleanup();
  assert.deepEqual(await bed.contents(), ['3']);
});

test('attachLayer() refuses a snapshot that is not active or not empty', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const layer = digestOf('layer');
  const [mount] = await snapshotter.prepare('a', '');
  await mkdir(join(mount?.source ?? '', 'something'));
  assert.throws(() => snapshotter.attachLayer('a', layer), isRefusal('failed_precondition', /not empty/));
  await snapshotter.view('v', '');
  assert.throws(() => snapshotter.attachLayer('v', layer), isRefusal('failed_precondition', /not active/));
  assert.throws(() => snapshotter.attachLayer('nobody', layer), isRefusal('not_found'));
});

test('a layer above plain files has no chain and is not told; a listener that throws undoes the commit', async () => {
  await using bed = await openTestBed();
  const committed = (): never => {
    throw new Error('the queue is full');
  };
  const snapshotter = await bed.open({ listener: { committed, unpacked: () => {} } });
  await snapshotter.prepare('plain', '');
  snapshotter.commit('P', 'plain');
  await snapshotter.prepare('above', 'P');
  snapshotter.attachLayer('above', await bed.layers.add(':'));
  snapshotter.commit('above-P', 'above');
  await snapshotter.prepare('a', '');
  snapshotter.attachLayer('a', await bed.layers.add(':'));
  assert.throws(() => snapshotter.commit('A', 'a'), /queue is full/);
  assert.equal(snapshotter.stat('a').kind, 'active');
  assert.throws(() => snapshotter.stat('A'), isRefusal('not_found'));
});

test('cleanup() releases layers once no snapshot refers to them', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const layer = await bed.layers.add(':');
  for (const name of ['A', 'B']) {
    await snapshotter.prepare(`${name}-active`, '');
    snapshotter.attachLayer(`${name}-active`, layer);
    snapshotter.commit(name, `${name}-active`);
  }
  snapshotter.remove('A');
  await snapshotter.cleanup();
  assert.deepEqual(bed.layers.released, []);
  snapshotter.remove('B');
  assert.deepEqual(bed.layers.released, []);
  const next = await bed.open();
  await next.cleanup();
  await next.cleanup();
  assert.deepEqual(bed.layers.released, [layer]);
  assert.deepEqual(await bed.contents(), []);
});

test('an aborted prepare leaves no snapshot', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  await snapshotter.prepare('a', '');
  snapshotter.attachLayer('a', await bed.layers.add(':'));
  snapshotter.commit('A', 'a');
  const signal = AbortSignal.abort();
  await assert.rejects(snapshotter.prepare('b', 'A', {}, { signal }), isRefusal('cancelled'));
  await assert.rejects(snapshotter.prepare('c', '', {}, { signal }), { name: 'AbortError' });
  assert.deepEqual(
    [...snapshotter.walk()].map(({ name }) => name),
    ['A'],
  );
});

function needsRoot(): string | false {
  return (
    process.getuid?.() !== 0 && process.env['CI'] === undefined && 'SKIPPED: changes owners, which needs root'
  );
}
