import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import type { Bucket } from '@lade/bucket';
import { codeOf } from '@lade/errors';
import { findImageRecord, imageKey } from '@lade/images';
import { NO_CHAIN_KEYS, indexKey, packKey, readChainRecord, readPackList } from '@lade/layers';
import type { Digest } from '@lade/oci';
import type { BucketContents } from './bucket-pages.ts';
import { collectGarbage, type GarbageEvent } from './collect-garbage.ts';
import { hasDied } from './testing/aging-bucket.ts';
import { makeImage, openWorld, type GarbageNode, type TestImage, type World } from './testing/world.ts';

const NEVER = new AbortController().signal;

async function collect(
  { aging }: World,
  options: { readonly bucket?: Bucket; readonly dryRun?: boolean; readonly maxAnnounced?: number } = {},
): Promise<GarbageEvent[]> {
  const { bucket = aging.seenBy(), dryRun = false, maxAnnounced = 20_000 } = options;
  const given = {
    bucket,
    node: 'collector',
    dryRun,
    graceDays: 2,
    maxAnnounced,
    signal: NEVER,
    now: aging.now,
  };
  return Array.fromAsync(collectGarbage(given));
}

async function keysOf(bucket: Bucket): Promise<string[]> {
  return (await Array.fromAsync(bucket.list(''))).map(({ key }) => key);
}

/** Everything that starting a container on this chain needs is in the bucket. */
async function assertWhole(chain: Digest, bucket: Bucket, why: string): Promise<void> {
  const record = await readChainRecord(bucket, chain, NO_CHAIN_KEYS);
  assert.ok(record, `${why}: chain ${chain} is gone`);
  const packs = await readPackList(bucket, record.diffId);
  assert.ok(packs, `${why}: index ${record.diffId} is gone`);
  const keys = new Set(await keysOf(bucket));
  for (const pack of packs) assert.ok(keys.has(packKey(pack)), `${why}: pack ${pack} is gone`);
}

const BASE = [1, 2];
const PYTHON = makeImage('python', BASE, [3, 4]);
const NGINX = makeImage('nginx', BASE, [4, 5]);

test('an image that is removed leaves what others need, and all else goes once it is old', async () => {
  await using world = await openWorld(1);
  const {
    bucket,
    aging,
    nodes: [node],
  } = world as World & { nodes: [GarbageNode] };
  await node.publish(PYTHON, aging.seenBy());
  await node.publish(NGINX, aging.seenBy());
  await bucket.delete([imageKey(PYTHON.name)]);
  const before = await keysOf(bucket);
  const young = await collect(world);
  assert.deepEqual(
    young.map(({ kind }) => kind),
    ['listed', 'collected'],
  );
  aging.pass(3);
  await node.renew();
  const told = await collect(world, { dryRun: true });
  assert.deepEqual(
    (await keysOf(bucket)).filter((key) => key !== 'refs/sweep'),
    before,
  );
  const events = await collect(world);
  const removed = events.flatMap((event) => (event.kind === 'removed' ? [event.key] : []));
  assert.deepEqual(
    told.flatMap((event) => (event.kind === 'garbage' ? [event.key] : [])),
    removed,
  );
  // Of PYTHON's own layer one chunk is in a pack that NGINX needs.
  assert.deepEqual(
    removed.map((key) => key.split('/', 1)[0]),
    ['chains', 'layers', 'content', 'content'],
  );
  assert.ok(removed.includes(indexKey(PYTHON.diffIds[1] as Digest)));
  for (const chain of NGINX.chains) await assertWhole(chain, bucket, 'nginx');
  const { garbageObjects, keptObjects } = events.at(-1) as GarbageEvent & { kind: 'collected' };
  assert.deepEqual([garbageObjects, keptObjects], [4, (await keysOf(bucket)).length]);
});

test('what a node uses stays without any image, until it is used no more', async () => {
  await using world = await openWorld(2);
  const {
    bucket,
    aging,
    nodes: [publisher, user],
  } = world as World & { nodes: [GarbageNode, GarbageNode] };
  await publisher.publish(PYTHON, aging.seenBy());
  const [, top] = PYTHON.chains as [Digest, Digest];
  assert.ok(await user.use(top, bucket));
  await bucket.delete([imageKey(PYTHON.name)]);
  aging.pass(10);
  await user.renew();
  await publisher.renew();
  await collect(world);
  await assertWhole(top, bucket, 'in use');
  user.held.clear();
  aging.pass(10);
  await user.renew();
  await collect(world);
  assert.deepEqual((await keysOf(bucket)).sort(), ['refs/nodes/node-1', 'refs/nodes/node-2', 'refs/sweep']);
});

test('a node that has told nothing for a month keeps nothing from being removed', async () => {
  await using world = await openWorld(1);
  const {
    bucket,
    aging,
    nodes: [node],
  } = world as World & { nodes: [GarbageNode] };
  await node.publish(NGINX, aging.seenBy());
  assert.ok(await node.use(NGINX.chains[0] as Digest, bucket));
  await bucket.delete([imageKey(NGINX.name)]);
  aging.pass(31);
  await collect(world);
  assert.deepEqual(await keysOf(bucket), ['refs/nodes/node-1', 'refs/sweep']);
});

test('one node collects at a time, and one that has died with it is in the way for a quarter of an hour', async () => {
  await using world = await openWorld(1);
  const {
    bucket,
    aging,
    nodes: [node],
  } = world as World & { nodes: [GarbageNode] };
  await node.publish(NGINX, aging.seenBy());
  await bucket.delete([imageKey(NGINX.name)]);
  aging.pass(40);
  const first = collectGarbage({
    bucket: aging.seenBy(),
    node: 'first',
    dryRun: false,
    signal: NEVER,
    now: aging.now,
  });
  await first.next();
  await assert.rejects(collect(world), { code: 'failed_precondition', message: /: first does$/ });
  // It dies in the middle.
  await assert.rejects(collect(world), { code: 'failed_precondition' });
  aging.pass(1 / 24);
  const events = await collect(world);
  assert.ok(events.some(({ kind }) => kind === 'removed'));
  // It was only very slow, and does no harm any more.
  await assert.rejects(Array.fromAsync(first), { code: 'failed_precondition' });
});

test('what cannot be read stops the collection before anything is removed', async () => {
  await using world = await openWorld(1);
  const {
    bucket,
    aging,
    nodes: [node],
  } = world as World & { nodes: [GarbageNode] };
  await node.publish(NGINX, aging.seenBy());
  aging.pass(40);
  const before = await keysOf(bucket);
  for (const key of [imageKey(NGINX.name), indexKey(NGINX.diffIds[0] as Digest)]) {
    const whole = Buffer.concat(await Array.fromAsync((await bucket.get(key)).body));
    await bucket.put(key, Buffer.from('damaged'));
    await assert.rejects(collect(world), { code: 'data_loss' }, key);
    await bucket.put(key, whole);
  }
  assert.deepEqual(
    (await keysOf(bucket)).filter((key) => key !== 'refs/sweep'),
    before,
  );
  await assert.rejects(
    Array.fromAsync(collectGarbage({ bucket, node: 'n', dryRun: true, graceDays: 0.9, signal: NEVER })),
    { code: 'invalid_argument' },
  );
});

/** Numbers in [0, 1), the same for the same seed. */
function randomFrom(seed: number): () => number {
  let n = 0;
  return () => hash('sha256', `${seed} ${n++}`, 'buffer').readUInt32LE(0) / 2 ** 32;
}

test('who publishes from old objects, or begins to use them, while they are removed, never ends up with half of them', async (t) => {
  const random = randomFrom(0);
  await using world = await openWorld(3, random);
  const { bucket, aging, nodes } = world;
  const [publisher, other, user] = nodes as [GarbageNode, GarbageNode, GarbageNode];
  const [, top] = PYTHON.chains as [Digest, Digest];
  const counts = { published: 0, repeated: 0, used: 0, absent: 0, removed: 0 };
  const lacksOne = (): boolean => Object.values(counts).includes(0);
  // Rare outcomes are waited for, so that each has been looked at.
  for (let round = 1; round <= 15 || (lacksOne() && round <= 200); round++) {
    await publisher.publish(PYTHON, aging.seenBy());
    const publish = await other.convert(random() < 0.5 ? PYTHON : NGINX);
    await bucket.delete([imageKey(PYTHON.name), imageKey(NGINX.name)]);
    aging.pass(10);
    for (const node of nodes) await node.renew();
    // Each of the three is the first in some rounds.
    const begun = async (place: number): Promise<void> => aging.others(random() * 12 * ((round + place) % 3));
    const collecting = begun(0).then(async () => collect(world));
    const publishing = begun(1)
      .then(async () => publish(aging.seenBy()))
      .then(
        () => true,
        (reason: unknown) => {
          assert.equal(codeOf(reason), 'aborted');
          return false;
        },
      );
    const using = begun(2)
      .then(async () => user.use(top, aging.seenBy()))
      .catch((reason: unknown) => {
        // Found when it had just begun to go.
        assert.equal(codeOf(reason), 'data_loss');
        return false;
      });
    const [events, isPublished, isUsed] = await Promise.all([collecting, publishing, using]);
    counts[isPublished ? 'published' : 'repeated']++;
    counts[isUsed ? 'used' : 'absent']++;
    counts.removed += events.filter(({ kind }) => kind === 'removed').length;
    if (isUsed) await assertWhole(top, bucket, `used in round ${round}`);
    for (const { name, chains } of [PYTHON, NGINX])
      if (isPublished && (await findImageRecord(bucket, name, {})))
        for (const chain of chains) await assertWhole(chain, bucket, `published in round ${round}`);
    user.held.clear();
    aging.pass(10);
  }
  t.diagnostic(JSON.stringify(counts));
  assert.ok(!lacksOne());
});

test('a layer that refers to packs which go just before its index is put is published once more', async () => {
  await using world = await openWorld(2);
  const { bucket, aging, nodes } = world;
  const [publisher, other] = nodes as [GarbageNode, GarbageNode];
  await publisher.publish(PYTHON, aging.seenBy());
  await bucket.delete([imageKey(PYTHON.name)]);
  aging.pass(10);
  await publisher.renew();
  const publish = await other.convert(NGINX);
  const mine = aging.seenBy();
  let collected: GarbageEvent[] | undefined;
  const late: Bucket = {
    ...mine,
    async put(key, body, options) {
      if (key.startsWith('layers/')) collected ??= await collect(world);
      return mine.put(key, body, options);
    },
  };
  await assert.rejects(publish(late), { code: 'aborted' });
  assert.ok(collected?.some((event) => event.kind === 'removed' && event.key.startsWith('packs/')));
  await publish(mine);
  for (const chain of NGINX.chains) await assertWhole(chain, bucket, 'the second time');
});

const IMAGES = [PYTHON, NGINX, makeImage('tool', [5, 6]), makeImage('app', BASE, [6, 3], [1])];

for (const seed of [1, 2]) {
  test(`whatever happens, and whoever dies, nothing goes that is needed, and all else does (seed ${seed})`, async (t) => {
    const random = randomFrom(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    await using world = await openWorld(3, random);
    const { bucket, aging, nodes } = world;
    const published = new Set<TestImage>();
    const counts = { published: 0, used: 0, removed: 0, collected: 0, died: 0, again: 0 };

    const actions = {
      async publish(mine: Bucket) {
        const image = pick(IMAGES);
        await pick(nodes).publish(image, mine);
        published.add(image);
        counts.published++;
      },
      async use(mine: Bucket) {
        if (await pick(nodes).use(pick(pick(IMAGES).chains), mine)) counts.used++;
      },
      async leave() {
        const { held } = pick(nodes);
        for (const chain of held) if (random() < 0.5) held.delete(chain);
      },
      async renew() {
        for (const node of nodes) await node.renew();
      },
      async remove(mine: Bucket) {
        const image = pick(IMAGES);
        published.delete(image);
        await mine.delete([imageKey(image.name)]);
      },
      async collect(mine: Bucket) {
        const events = await collect(world, { bucket: mine, maxAnnounced: random() < 0.3 ? 3 : 20_000 });
        counts.removed += events.filter(({ kind }) => kind === 'removed').length;
        counts.collected++;
      },
    };
    const perform = async (name: keyof typeof actions): Promise<void> => {
      const mortal = random() < 0.25 ? Math.floor(random() * 60) : Infinity;
      try {
        await actions[name](aging.seenBy(mortal));
      } catch (reason) {
        if (hasDied(reason)) counts.died++;
        else if (
          ['aborted', 'failed_precondition', 'already_exists', 'not_found', 'data_loss'].includes(
            codeOf(reason),
          )
        )
          counts.again++;
        else throw reason;
      }
    };
    const check = async (when: string): Promise<void> => {
      for (const { held } of nodes)
        for (const chain of held) await assertWhole(chain, bucket, `in use, ${when}`);
      for (const image of published) {
        if (!(await findImageRecord(bucket, image.name, {}))) published.delete(image);
        else for (const chain of image.chains) await assertWhole(chain, bucket, `${image.name}, ${when}`);
      }
    };

    const often = ['publish', 'use', 'use', 'leave', 'renew', 'remove', 'collect', 'collect'] as const;
    for (let step = 1; step <= 25; step++) {
      aging.pass(pick([0, 0, 0.02, 1.5, 3, 5]));
      // Every node tells at least daily.
      await actions.renew();
      const together = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(often));
      await Promise.all(together.map(perform));
      await check(`step ${step}: ${together.join(', ')}`);
    }
    await bucket.delete(IMAGES.map(({ name }) => imageKey(name)));
    for (const { held } of nodes) held.clear();
    aging.pass(3);
    await actions.renew();
    await actions.collect(aging.seenBy());
    assert.deepEqual(
      (await keysOf(bucket)).filter((key) => !key.startsWith('refs/')),
      [],
    );
    t.diagnostic(JSON.stringify(counts));
    assert.ok(counts.removed > 0 && counts.published > 0 && counts.used > 0);
  });
}

test('what a collection lists is told by kind, also what is left in the end', async () => {
  await using world = await openWorld(1);
  const {
    bucket,
    aging,
    nodes: [node],
  } = world as World & { nodes: [GarbageNode] };
  await node.publish(NGINX, aging.seenBy());
  await bucket.delete([imageKey(NGINX.name)]);
  aging.pass(40);
  const found: BucketContents[] = [];
  const options = {
    bucket: aging.seenBy(),
    node: 'n',
    dryRun: false,
    signal: NEVER,
    now: aging.now,
    found: (contents: BucketContents) => found.push(contents),
  };
  await Array.fromAsync(collectGarbage(options));
  const packs = found.map(({ kinds }) => kinds.find(({ kind }) => kind === 'packs'));
  assert.ok((packs[0]?.objects ?? 0) > 0 && (packs[0]?.bytes ?? 0) > 0);
  assert.equal(packs.at(-1), undefined);
  assert.deepEqual(found.at(-1)?.listedAt, new Date(aging.now()));
});
