import assert from 'node:assert/strict';
import { isCodedError, type ErrorCode } from '@lade/errors';
import type { ConformanceCase, ConformanceSubject } from './conformance-subject.ts';
import type { Labels } from '@lade/containerd-store';
import type { Info, Kind } from './snapshot.ts';

const ROOT = { 'containerd.io/gc.root': 'conformance' };

/** The cases of containerd's suite that mount nothing, by their names there. */
export const STATE_CASES: Readonly<Record<string, ConformanceCase>> = {
  StatActive: async (snapshotter) => {
    await snapshotter.prepare('preparing', '', ROOT);
    await assertInfo(snapshotter, 'preparing', 'active', '');
  },

  StatCommitted: async (snapshotter) => {
    await prepareAndCommit(snapshotter, 'committed', '');
    await assertInfo(snapshotter, 'committed', 'committed', '');
    await assertRefused('not_found', () => snapshotter.stat('committed-active'));
  },

  Transitivity: async (snapshotter) => {
    await prepareAndCommit(snapshotter, 'a', '');
    await prepareAndCommit(snapshotter, 'b', 'a');
    await snapshotter.prepare('c', 'b', ROOT);
    await assertInfo(snapshotter, 'a', 'committed', '');
    await assertInfo(snapshotter, 'b', 'committed', 'a');
    await assertInfo(snapshotter, 'c', 'active', 'b');
  },

  PrepareViewFailing: async (snapshotter) => {
    await prepareAndCommit(snapshotter, 'a', '');
    for (const first of ['prepare', 'view'] as const) {
      for (const second of ['prepare', 'view'] as const) {
        const key = `${first}-${second}`;
        await snapshotter[first](key, 'a', ROOT);
        await assertRefused('already_exists', () => snapshotter[second](key, 'a', ROOT));
      }
    }
  },

  Update: async (snapshotter) => {
    const before = BigInt(Date.now()) * 1_000_000n;
    await makeBaseSnapshots(snapshotter, '');
    const after = BigInt(Date.now() + 1) * 1_000_000n;
    for (const [name, kind, parent] of BASE) {
      const { createdAt, updatedAt } = await assertInfo(snapshotter, name, kind, parent);
      assert.ok(before <= createdAt && createdAt <= after, `${name} was created in time`);
      assert.equal(createdAt, updatedAt);
      await updateLabels(snapshotter, name);
      const updated = await assertInfo(snapshotter, name, kind, parent);
      assert.equal(updated.createdAt, createdAt);
      assert.ok(updated.updatedAt > updatedAt);
    }
  },

  Remove: async (snapshotter) => {
    await prepareAndCommit(snapshotter, 'committed', '');
    await snapshotter.prepare('reuse', 'committed', ROOT);
    await snapshotter.remove('reuse');
    await snapshotter.view('reuse', 'committed', ROOT);
    await snapshotter.remove('reuse');
    await snapshotter.prepare('reuse', '', ROOT);
    await snapshotter.remove('committed');
    await snapshotter.commit('committed', 'reuse', { labels: ROOT });
    await assertInfo(snapshotter, 'committed', 'committed', '');
  },

  Walk: async (snapshotter) => {
    await makeWalkedSnapshots(snapshotter);
    for (const [names, ...filters] of WALKS) {
      const found = (await collect(snapshotter, filters)).map(({ name }) => name);
      assert.deepEqual(found.sort(), names.split(' ').sort(), filters.join(' or '));
    }
  },

  RemoveIntermediateSnapshot: async (snapshotter) => {
    await prepareAndCommit(snapshotter, 'base', '');
    await prepareAndCommit(snapshotter, 'middle', 'base');
    await snapshotter.prepare('top', 'middle', ROOT);
    await assertRefused('failed_precondition', () => snapshotter.remove('middle'), /remove/);
    for (const key of ['top', 'middle', 'base']) await snapshotter.remove(key);
    assert.deepEqual(await collect(snapshotter, []), []);
  },

  StatInWalk: async (snapshotter) => {
    await makeBaseSnapshots(snapshotter, 'stat-in-walk-');
    let walked = 0;
    for await (const info of snapshotter.walk()) {
      assert.deepEqual(await snapshotter.stat(info.name), info);
      walked++;
    }
    assert.equal(walked, BASE.length);
  },

  /** Of the suite of its metadata store, with the errors that it classes. */
  Rebase: async (snapshotter) => {
    await makeBaseSnapshots(snapshotter, '');
    for (const [i, [before, told, parent]] of REBASES.entries()) {
      await snapshotter.prepare(`active-${i}`, before, ROOT);
      await snapshotter.commit(`rebased-${i}`, `active-${i}`, { labels: ROOT, parent: told });
      await assertInfo(snapshotter, `rebased-${i}`, 'committed', parent);
      await snapshotter.view(`view-${i}`, `rebased-${i}`);
      await assertRefused('failed_precondition', () => snapshotter.remove(`rebased-${i}`));
      if (parent) await assertRefused('failed_precondition', () => snapshotter.remove(parent));
    }
    for (const [before, told, code] of REFUSED_REBASES) {
      await snapshotter.prepare('refused', before, ROOT);
      await assertRefused(code, () => snapshotter.commit('rebased', 'refused', { parent: told }));
      await assertInfo(snapshotter, 'refused', 'active', before);
      await assertRefused('not_found', () => snapshotter.stat('rebased'));
      await snapshotter.remove('refused');
    }
  },

  CloseTwice: async (snapshotter) => {
    await prepareAndCommit(snapshotter, 'a', '');
    await snapshotter.remove('a');
    await snapshotter[Symbol.asyncDispose]();
    await snapshotter[Symbol.asyncDispose]();
  },

  Kinds: async (snapshotter) => {
    await makeBaseSnapshots(snapshotter, '');
    await assertRefused('not_found', () => snapshotter.prepare('x', 'nobody'));
    await assertRefused('invalid_argument', () => snapshotter.prepare('x', 'a1'));
    await assertRefused('invalid_argument', () => snapshotter.view('x', 'v1'));
    await assertRefused('failed_precondition', () => snapshotter.mounts('c1'));
    await assertRefused('not_found', () => snapshotter.mounts('nobody'));
    await assertRefused('failed_precondition', () => snapshotter.commit('x', 'v1'));
    await assertRefused('already_exists', () => snapshotter.commit('c2', 'a1'));
    await assertRefused('not_found', () => snapshotter.commit('x', 'nobody'));
    await assertRefused('not_found', () => snapshotter.remove('nobody'));
    await assertRefused('not_found', () => snapshotter.update({ name: 'nobody', labels: {} }));
    await assertRefused('invalid_argument', () => collect(snapshotter, ['name==']));
    for (const key of ['a1', 'a2', 'v1', 'v2']) assert.equal((await snapshotter.mounts(key)).length, 1);
  },
};

const BASE: readonly (readonly [name: string, kind: Kind, parent: string])[] = [
  ['c1', 'committed', ''],
  ['c2', 'committed', 'c1'],
  ['a1', 'active', 'c2'],
  ['a2', 'active', ''],
  ['v1', 'view', 'c2'],
  ['v2', 'view', ''],
];

/** The parent at Prepare, the one at Commit, and the one that it has then. */
const REBASES: readonly (readonly [before: string, told: string, parent: string])[] = [
  ['', '', ''],
  ['', 'c1', 'c1'],
  ['c1', 'c1', 'c1'],
  ['c1', '', 'c1'],
];

const REFUSED_REBASES: readonly (readonly [before: string, told: string, code: ErrorCode])[] = [
  ['', 'nobody', 'not_found'],
  ['', 'a1', 'failed_precondition'],
  ['c1', 'c2', 'invalid_argument'],
];

/** Names that match, then the filters. */
const WALKS: readonly (readonly [names: string, ...filters: string[]])[] = [
  ['a-np p a v p-wl a-wl v-wl a-np-wl', 'labels."containerd.io/gc.root"==conformance'],
  ['a-np a a-wl a-np-wl', 'kind==active,labels."containerd.io/gc.root"==conformance'],
  ['v v-wl', 'kind==view,labels."containerd.io/gc.root"==conformance'],
  ['p p-wl', 'kind==committed,labels."containerd.io/gc.root"==conformance'],
  ['p a-np-wl', 'name==p', 'name==a-np-wl'],
  ['a-wl', 'name==a-wl,labels.l'],
  ['a v', 'parent==p'],
  ['a v a-wl v-wl', 'parent!="",labels."containerd.io/gc.root"==conformance'],
  ['p-wl a-wl v-wl a-np-wl', 'labels.l'],
  ['a-wl a-np-wl', 'labels.l==2'],
];

async function makeBaseSnapshots(snapshotter: ConformanceSubject, prefix: string): Promise<void> {
  for (const [name, kind, parent] of BASE) {
    const on = parent && `${prefix}${parent}`;
    if (kind === 'committed') await prepareAndCommit(snapshotter, `${prefix}${name}`, on);
    else await snapshotter[kind === 'active' ? 'prepare' : 'view'](`${prefix}${name}`, on, ROOT);
  }
}

async function makeWalkedSnapshots(snapshotter: ConformanceSubject): Promise<void> {
  await snapshotter.prepare('a-np', '', ROOT);
  await prepareAndCommit(snapshotter, 'p', '');
  await snapshotter.prepare('a', 'p', ROOT);
  await snapshotter.view('v', 'p', ROOT);
  await prepareAndCommit(snapshotter, 'p-wl', '', { ...ROOT, l: '1' });
  await snapshotter.prepare('a-wl', 'p-wl', { ...ROOT, l: '2' });
  await snapshotter.view('v-wl', 'p-wl', { ...ROOT, l: '3' });
  await snapshotter.prepare('a-np-wl', '', { ...ROOT, l: '2' });
}

async function prepareAndCommit(
  snapshotter: ConformanceSubject,
  name: string,
  parent: string,
  labels: Labels = ROOT,
): Promise<void> {
  await snapshotter.prepare(`${name}-active`, parent, ROOT);
  await snapshotter.commit(name, `${name}-active`, { labels });
}

async function updateLabels(snapshotter: ConformanceSubject, name: string): Promise<void> {
  const all = { ...ROOT, l1: 'v1', l2: 'v2', l3: 'v3' };
  assert.deepEqual((await snapshotter.update({ name, labels: all })).labels, all);
  const some = await snapshotter.update({ name, labels: { l1: 'updated', l4: 'v4' } }, [
    'labels.l1',
    'labels.l2',
  ]);
  assert.deepEqual(some.labels, { ...ROOT, l1: 'updated', l3: 'v3' });
  const replaced = await snapshotter.update({ name, labels: { l4: 'v4' } }, ['labels']);
  assert.deepEqual(replaced.labels, { l4: 'v4' });
  await assertRefused('invalid_argument', () =>
    snapshotter.update({ name, labels: {} }, ['labels', 'parent']),
  );
  assert.deepEqual((await snapshotter.stat(name)).labels, { l4: 'v4' });
}

async function assertInfo(
  snapshotter: ConformanceSubject,
  name: string,
  kind: Kind,
  parent: string,
): Promise<Info> {
  const info = await snapshotter.stat(name);
  assert.deepEqual({ name: info.name, kind: info.kind, parent: info.parent }, { name, kind, parent });
  return info;
}

async function collect(snapshotter: ConformanceSubject, filters: readonly string[]): Promise<Info[]> {
  const infos: Info[] = [];
  for await (const info of snapshotter.walk(filters)) infos.push(info);
  return infos;
}

async function assertRefused(code: ErrorCode, action: () => unknown, message = /./): Promise<void> {
  await assert.rejects(
    async () => {
      await action();
    },
    (reason) => isCodedError(reason, code) && message.test(reason.message),
    `wants ${code}`,
  );
}
