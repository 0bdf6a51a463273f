import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtempDisposable, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSlowLink, startS3StandIn } from '@lade/sandbox';
import { underLoad, type LoadPlace } from './on-demand-load.ts';
import { OnDemandNode, eventually, type OnDemandNodeOptions } from './on-demand-node.ts';
import { publishTrees, type PublishedTree } from './published-trees.ts';
import { seededRandom } from './seeded-random.ts';
import { TreeReaders } from './tree-readers.ts';

export type Fill = OnDemandNodeOptions['fill'];

/** Each brings as much on the way as a fill takes long. */
const LINK = { roundTripMs: 2, bitsPerSecond: 150_000_000 };
const TREES = 3;
const READERS = 4;
/** A keeper waits ever longer between restarts; a new one does not know of those before. */
const KILLS_PER_KEEPER = 5;
/** Deaths come within so long after a start, or after it has ended. */
const START_MS = 800;
const LIFE_MS = 300;

/** A node, its bucket at the end of a link, and four readers. */
export interface CrashBed extends LoadPlace, AsyncDisposable {
  /** Kills the daemon the `count`th time that it has come to a step of a fill; resolves when another one is ready. */
  dieAt(step: string, count: number): Promise<void>;
  /** Tells the figures so far. */
  report(what: string): void;
}

export async function openCrashBed(
  t: TestContext,
  options: { readonly fill: Fill; readonly seed: number },
): Promise<CrashBed> {
  const { fill, seed } = options;
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-')));
  const objects = join(folder, 'objects');
  await mkdir(objects);
  const store = stack.use(await startS3StandIn(objects));
  const link = stack.use(await openSlowLink(store.address, LINK));
  const key = 'access-key-id=anyone&secret-access-key=anything';
  const url = (address: string): string => `s3://lade?endpoint=http://${address}&path-style=true&${key}`;
  const trees = await publishTrees(url(store.address), join(folder, 'publisher'), TREES);
  const readers = stack.use(new TreeReaders(READERS));
  const order = join(folder, 'death');
  const preload = new URL('die-once-preload.ts', import.meta.url).href;
  const env = { ...process.env, NODE_OPTIONS: `--import=${preload}`, LADE_DEATH: order };
  const node = stack.use(
    await OnDemandNode.start({
      folder: join(folder, 'node'),
      bucketUrl: url(link.address),
      fill,
      env,
    }),
  );
  const owned = stack.move();
  return {
    node,
    trees,
    readers,
    random: seededRandom(seed),
    async dieAt(step, count) {
      const before = await node.readies();
      await writeFile(`${order}.new`, `${step} ${count}`);
      await rename(`${order}.new`, order);
      await eventually(`a daemon dies at ${step}`, async () => !existsSync(order));
      await node.becomesReady(before);
    },
    report(what) {
      const { trees, files, bytes, longestMs } = readers.figures;
      t.diagnostic(
        `${fill}: ${what}; ${READERS} readers, ${trees} trees, ${files} files, ${Math.round(bytes / 1e6)} MB, longest wait ${longestMs} ms, seed ${seed}`,
      );
    },
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/**
 * Kills the daemon at random moments of its life, its start included, and every now and then the keeper alone; each comes
 * back by the other.
 */
export async function killAtRandom(bed: CrashBed, kills: number): Promise<string> {
  const { node, readers, random } = bed;
  const before = { ...readers.figures };
  let struck = 0;
  await underLoad(bed, async () => {
    await sleep(random() * LIFE_MS);
    for (let killed = 1; killed <= kills; killed++) {
      const before = await node.readies();
      const isKeeperNext = killed % KILLS_PER_KEEPER === 0;
      if (readers.isReading) struck += 1;
      await node.killDaemon();
      if (!isKeeperNext && killed < kills && random() < 0.25) {
        await node.becomesAlive();
        await sleep(random() * START_MS);
        continue;
      }
      await node.becomesReady(before);
      await sleep(random() * LIFE_MS);
      if (isKeeperNext) await node.replaceKeeper();
    }
  });
  assert.ok(readers.figures.trees > before.trees);
  return `${kills} daemons killed at random moments, ${struck} of them while readers read`;
}

/** Has the daemon die at each of these steps of a fill, the `count`th time that it comes to it. */
export async function dieAtSteps(
  bed: CrashBed,
  steps: readonly (readonly [step: string, count: number])[],
): Promise<void> {
  await underLoad(bed, async () => {
    for (const [n, [step, count]] of steps.entries()) {
      await bed.dieAt(step, count);
      if (n % KILLS_PER_KEEPER === KILLS_PER_KEEPER - 1) await bed.node.replaceKeeper();
    }
  });
}

/** Has the daemon die while it mounts a layer: nobody else can answer what its own mount asks. */
export async function dieWhileMounting(bed: CrashBed, steps: readonly string[]): Promise<void> {
  const { node, readers, random } = bed;
  const tree = firstOf(bed);
  for (const step of steps) {
    const dead = bed.dieAt(step, 1);
    const mounted = await node.mount(tree.chain);
    await readers.read(mounted.path, tree, random);
    await node.unmount(mounted);
    await dead;
  }
}

/** Replaces the daemon as an upgrade does, `pauseMs` after the end of the old one, while readers read. */
export async function replaceDaemon(bed: CrashBed, pausesMs: readonly number[]): Promise<void> {
  const { node, random } = bed;
  await underLoad(bed, async () => {
    for (const pauseMs of pausesMs) {
      await sleep(random() * LIFE_MS);
      await node.stopDaemon();
      await sleep(pauseMs);
      await node.startDaemon();
    }
  });
}

/**
 * Kills daemon and keeper at once, which nobody can make good to who reads at that moment; the next daemon says so, and
 * whoever comes later sees what is true.
 */
export async function loseBoth(bed: CrashBed): Promise<void> {
  const { node, trees, readers, random } = bed;
  const mounted = await Promise.all(trees.map(async ({ chain }) => node.mount(chain)));
  await using victims = new TreeReaders(READERS);
  const [lost] = mounted;
  const reading = victims.read(lost?.path ?? '', firstOf(bed), random).catch(() => undefined);
  await sleep(100);
  const before = await node.mountPoints();
  assert.equal(before.length, trees.length);
  await node.killBoth();
  await reading;
  await node.startDaemon();
  const told = await node.logged(
    'layer was mounted while nobody filled it: restart the containers that use it',
  );
  assert.deepEqual(told.map((line) => line['mountPoint']).sort(), before.toSorted());
  assert.deepEqual(await node.mountPoints(), []);
  for (const [n, tree] of trees.entries()) {
    const { view = '' } = mounted[n] ?? {};
    await readers.read(await node.pathOf(view), tree, random);
  }
}

function firstOf({ trees: [tree] }: CrashBed): PublishedTree {
  if (!tree) throw new RangeError('there are no trees');
  return tree;
}
