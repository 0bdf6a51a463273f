import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isCodedError } from '@lade/errors';
import { chainIds, digestOf, type Digest } from '@lade/oci';
import { openTestBed } from './testing/test-bed.ts';
import type { RemoteLayers } from './ports.ts';
import { SNAPSHOT_REF } from './snapshot.ts';
import type { Snapshotter } from './snapshotter.ts';

const DIFF_IDS = [digestOf('1'), digestOf('2')] as const;
const [FIRST = DIFF_IDS[0], SECOND = DIFF_IDS[0]] = chainIds(DIFF_IDS);

/** Layers that "other nodes" have published, and what was asked for. */
function published(
  layers: readonly (readonly [chain: Digest, diffId: Digest])[],
): RemoteLayers & { asked: string[] } {
  const asked: string[] = [];
  const find: RemoteLayers['find'] = async (chain, parentChain) => {
    asked.push(`${chain} on ${parentChain}`);
    const diffId = layers.find(([published]) => published === chain)?.[1];
    const on = parentChain === 'any' ? undefined : parentChain;
    return diffId && { diffId, parentChain: on, [Symbol.dispose]: () => {} };
  };
  return { asked, find };
}

async function assertTargetExists(
  snapshotter: Snapshotter,
  key: string,
  parent: string,
  ref: string,
): Promise<string> {
  await assert.rejects(
    snapshotter.prepare(key, parent, { [SNAPSHOT_REF]: ref, other: 'label' }),
    (reason) =>
      isCodedError(reason, 'already_exists') &&
      reason.message.includes(`target snapshot ${ref}: already exists`),
  );
  const found = [...snapshotter.walk([`labels."${SNAPSHOT_REF}"==${ref},parent==${JSON.stringify(parent)}`])];
  assert.equal(found.length, 1);
  assert.equal(found[0]?.kind, 'committed');
  assert.equal(found[0].parent, parent);
  return found[0].name;
}

test('a published chain becomes committed snapshots with all labels, and nothing is told to publish', async () => {
  await using bed = await openTestBed();
  const remote = published([
    [FIRST, DIFF_IDS[0]],
    [SECOND, DIFF_IDS[1]],
  ]);
  const snapshotter = await bed.open({ remote });
  const first = await assertTargetExists(snapshotter, 'extract-1', '', FIRST);
  const second = await assertTargetExists(snapshotter, 'extract-2', first, SECOND);
  assert.deepEqual(remote.asked, [`${FIRST} on undefined`, `${SECOND} on ${FIRST}`]);
  assert.deepEqual(snapshotter.stat(second).labels, { [SNAPSHOT_REF]: SECOND, other: 'label' });
  assert.deepEqual(bed.commits, []);
  const again = await bed.open({ remote });
  assert.equal(await assertTargetExists(again, 'extract-3', first, SECOND), second);
  assert.equal(remote.asked.length, 2);
});

test('a miss is an ordinary active snapshot', async () => {
  await using bed = await openTestBed();
  const remote = published([]);
  const snapshotter = await bed.open({ remote });
  const mounts = await snapshotter.prepare('extract', '', { [SNAPSHOT_REF]: FIRST });
  assert.deepEqual(snapshotter.snapshotAt(mounts), { id: 1, key: 'extract' });
  await snapshotter.prepare('no digest', '', { [SNAPSHOT_REF]: 'anything' });
  assert.deepEqual(remote.asked, [`${FIRST} on undefined`]);
});

test('what was unpacked here is found by its label on the same parent, and by its chain id on another', async () => {
  await using bed = await openTestBed();
  const remote = published([]);
  const snapshotter = await bed.open({ remote });
  const [low, high] = [await bed.layers.add(':'), await bed.layers.add('mkdir x')];
  const [lowChain = low, highChain = low] = chainIds([low, high]);
  const commit = async (name: string, parent: string, layer: Digest, ref: string): Promise<void> => {
    await snapshotter.prepare(`${name}-active`, parent);
    snapshotter.attachLayer(`${name}-active`, layer);
    snapshotter.commit(name, `${name}-active`, { labels: { [SNAPSHOT_REF]: ref } });
  };
  await commit('ns1/low', '', low, lowChain);
  await commit('ns1/high', 'ns1/low', high, highChain);
  assert.equal(await assertTargetExists(snapshotter, 'x', 'ns1/low', highChain), 'ns1/high');
  await commit('ns2/low', '', low, lowChain);
  const adopted = await assertTargetExists(snapshotter, 'y', 'ns2/low', highChain);
  assert.match(adopted, new RegExp(`^lade/${highChain}/\\d+$`));
  await commit('ns2/high', 'ns2/low', high, highChain);
  assert.deepEqual(remote.asked, []);
});

test('a parent that was unpacked as files counts as the chain that its label names', async () => {
  await using bed = await openTestBed();
  const remote = published([[SECOND, DIFF_IDS[1]]]);
  const snapshotter = await bed.open({ remote });
  await snapshotter.prepare('a', '');
  snapshotter.commit('files', 'a', { labels: { [SNAPSHOT_REF]: FIRST } });
  await snapshotter.prepare('b', '');
  snapshotter.commit('unknown', 'b');
  await assertTargetExists(snapshotter, 'x', 'files', SECOND);
  await snapshotter.prepare('y', 'unknown', { [SNAPSHOT_REF]: SECOND });
  assert.deepEqual(remote.asked, [`${SECOND} on ${FIRST}`]);
});

test('a layer that does not make the target on this parent is a miss', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open({
    remote: published([
      [FIRST, DIFF_IDS[1]],
      [SECOND, DIFF_IDS[1]],
    ]),
  });
  for (const ref of [FIRST, SECOND]) await snapshotter.prepare(`extract ${ref}`, '', { [SNAPSHOT_REF]: ref });
  assert.ok([...snapshotter.walk()].every(({ kind }) => kind === 'active'));
});

test('parallel prepares of one target share one lookup; one that gives up does not disturb the others', async () => {
  await using bed = await openTestBed();
  const answer = Promise.withResolvers<{ diffId: Digest; parentChain: Digest | undefined } & Disposable>();
  let asked = 0;
  let aborted = false;
  const find: RemoteLayers['find'] = async (_chain, _parent, { signal }) => {
    asked++;
    signal?.addEventListener('abort', () => {
      aborted = true;
    });
    return answer.promise;
  };
  const snapshotter = await bed.open({ remote: { find } });
  const impatient = new AbortController();
  const labels = { [SNAPSHOT_REF]: FIRST };
  const prepares = Array.from({ length: 20 }, async (_, index) =>
    snapshotter.prepare(`extract-${index}`, '', labels, index === 0 ? { signal: impatient.signal } : {}),
  );
  const outcomes = Promise.allSettled(prepares);
  impatient.abort();
  await assert.rejects(prepares[0] ?? Promise.resolve(), { name: 'AbortError' });
  assert.ok(!aborted);
  const dispose = mock.fn();
  answer.resolve({ diffId: DIFF_IDS[0], parentChain: undefined, [Symbol.dispose]: dispose });
  for (const outcome of (await outcomes).slice(1)) {
    assert.ok(outcome.status === 'rejected' && isCodedError(outcome.reason, 'already_exists'));
  }
  assert.equal(asked, 1);
  await nextTurn();
  assert.equal(dispose.mock.callCount(), 1);
  assert.equal([...snapshotter.walk()].length, 1);
});

test('a lookup that nobody waits for is aborted, and the state is checked again after it', async () => {
  await using bed = await openTestBed();
  const started: AbortSignal[] = [];
  const answers = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const find: RemoteLayers['find'] = async (_chain, _parent, { signal }) => {
    if (signal) started.push(signal);
    return answers[started.length - 1]?.promise;
  };
  const snapshotter = await bed.open({ remote: { find } });
  const stop = new AbortController();
  const labels = { [SNAPSHOT_REF]: FIRST };
  const given = snapshotter.prepare('a', '', labels, { signal: stop.signal });
  stop.abort();
  await assert.rejects(given, { name: 'AbortError' });
  assert.deepEqual([started.length, started[0]?.aborted], [1, true]);

  const late = snapshotter.prepare('a', '', labels);
  await snapshotter.prepare('a', '');
  answers[1]?.resolve(undefined);
  await assert.rejects(late, (reason) => isCodedError(reason, 'already_exists'));
});
