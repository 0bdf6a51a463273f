import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';
import { readMounts } from '@lade/linux';
import { mountPointsBelow, readAgain, type ReadAgain } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import type { BenchCase, BenchContext } from './benchmark.ts';
import { dropCaches } from './drop-caches.ts';
import { LAYERS, publishLayers } from './many-layers.ts';
import { readMemory } from './process-memory.ts';
import { bucketUrl, publishImage, type PublishedImage } from './published-image.ts';
import { startContainer, type ContainerRequest } from './start-container.ts';
import { startNode } from './start-node.ts';
import { median, round, spread } from './statistics.ts';

/** Even, since who comes second may find the machine changed. */
const RUNS = 4;
const CONTAINERS = 50;
const IMAGE = 'python';
const WANTED_RATIO = 1.2;
const LADE = 'lade';
const PEER = 'overlayfs';
const REST_MS = 5_000;
const MEGABYTE = 1_000_000;
/** In physical memory, with 200 layers mounted. */
const LIMITS = { daemon: 150 * MEGABYTE, keeper: 60 * MEGABYTE } as const;

/** Many at once on one node: containers of one image, and mounted layers. */
export async function* bench(context: BenchContext): AsyncGenerator<BenchCase> {
  if (context.isWanted('containers')) yield await compare(context);
  const programs = (['daemon', 'keeper'] as const).filter((name) => context.isWanted(name));
  if (programs.length === 0) return;
  const bytes = await measureMemory(context);
  for (const program of programs) {
    const used = bytes[program];
    if (used === undefined) context.say(`  ${program}: not measured, the daemon runs without`);
    else yield toMemoryCase(program, used);
  }
}

async function compare(context: BenchContext): Promise<BenchCase> {
  const { runs = RUNS, containerdVersion } = context;
  await using image = await publishImage(IMAGE, context);
  const pairs: Pair[] = [];
  while (pairs.length < runs) {
    const pair = await measurePair(image, context, pairs.length % 2 === 0 ? [LADE, PEER] : [PEER, LADE]);
    pairs.push(pair);
    const [ms, peerMs] = [pair.ms, pair.peerMs].map(Math.round);
    context.say(`  containers ${pairs.length}/${runs}: ${ms} ms, ${PEER} ${peerMs} ms`);
  }
  const ratios = pairs.map(({ ms, peerMs }) => ms / peerMs);
  const ratio = round(median(ratios));
  const most = (figure: (pair: Pair) => number): number => Math.max(...pairs.map(figure));
  const mountsPerLayer = most((pair) => pair.mountsPerLayer);
  return {
    case: 'containers',
    ratio,
    want: `<=${WANTED_RATIO}`,
    met: ratio <= WANTED_RATIO && pairs.every(isEachFetchedOnce) && mountsPerLayer === 1,
    peer: `containerd ${PEER} ${containerdVersion}`,
    runs,
    spread: spread(ratios),
    ms: Math.round(median(pairs.map(({ ms }) => ms))),
    peerMs: Math.round(median(pairs.map(({ peerMs }) => peerMs))),
    containers: CONTAINERS,
    readAgain: most((pair) => pair.readAgain.requests),
    readAgainBytes: most((pair) => pair.readAgain.bytes),
    secondRequests: most((pair) => pair.secondRequests),
    mountsPerLayer,
  };
}

interface Pair {
  /** Until the last container was ready. */
  readonly ms: number;
  readonly peerMs: number;
  /** Of packs. */
  readonly readAgain: ReadAgain;
  /** Made because a first one was slow, or failed. */
  readonly secondRequests: number;
  readonly mountsPerLayer: number;
}

/** Both on a new node that has pulled the image and nothing of it in its page cache, one after the other. */
async function measurePair(
  image: PublishedImage,
  context: BenchContext,
  order: readonly string[],
): Promise<Pair> {
  const { reference, command, store } = image;
  await using node = await startNode(context, bucketUrl(store.address));
  const { containerd } = node;
  const asked = store.requests().length;
  await node.ladeOrThrow('pull', reference);
  await containerd.pull(reference, { snapshotter: PEER });
  const ms = new Map<string, number>();
  for (const snapshotter of order)
    ms.set(snapshotter, await startAll(context, { containerd, snapshotter, reference, command }));
  const { residency } = JSON.parse(await node.ladeOrThrow('status', '--json')) as Status;
  const ofPacks = store
    .requests()
    .slice(asked)
    .filter(({ key }) => key.startsWith('packs/'));
  return {
    ms: ms.get(LADE) ?? Number.NaN,
    peerMs: ms.get(PEER) ?? Number.NaN,
    readAgain: readAgain(ofPacks),
    secondRequests: residency.hedges + residency.retries,
    mountsPerLayer: await countMountsPerLayer(node),
  };
}

/** But for what was asked for once more on purpose. */
function isEachFetchedOnce({ readAgain, secondRequests }: Pair): boolean {
  return readAgain.requests <= secondRequests;
}

async function startAll(context: BenchContext, request: ContainerRequest): Promise<number> {
  await dropCaches();
  await using stack = new AsyncDisposableStack();
  const began = performance.now();
  await Promise.all(
    Array.from({ length: CONTAINERS }, async () => stack.use(await startContainer(context, request))),
  );
  return performance.now() - began;
}

async function countMountsPerLayer({ root }: LadeNode): Promise<number> {
  const own = (await readMounts()).filter(
    ({ type, mountPoint }) => type === 'erofs' && mountPoint.startsWith(`${root}/`),
  );
  return own.length / new Set(own.map(({ source }) => source)).size;
}

async function measureMemory(
  context: BenchContext,
): Promise<Readonly<Record<keyof typeof LIMITS, number | undefined>>> {
  await using published = await publishLayers(context);
  await using node = await startNode(context, published.bucketUrl);
  for (const { reference, topChainId } of published.images) {
    await node.ladeOrThrow('pull', reference);
    await node.ctr('snapshots', '--snapshotter', 'lade', 'prepare', `use ${topChainId}`, topChainId);
  }
  const mounted = (await mountPointsBelow(node.root)).length;
  if (mounted < LAYERS)
    throw new CodedError('failed_precondition', `Cannot measure: ${mounted} of ${LAYERS} layers are mounted`);
  await sleep(REST_MS, undefined, { signal: context.signal });
  const keeper = await findKeeper(node);
  return {
    daemon: (await readMemory(node.daemonPid)).residentBytes,
    keeper: keeper === undefined ? undefined : (await readMemory(keeper)).residentBytes,
  };
}

/** The process of apps/keeper whose command line names this node's folder. */
async function findKeeper({ root }: LadeNode): Promise<number | undefined> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('apps/keeper') && command.includes(root)) return Number(pid);
  }
  return undefined;
}

function toMemoryCase(name: keyof typeof LIMITS, bytes: number): BenchCase {
  const limit = LIMITS[name];
  const ratio = round(bytes / limit);
  return {
    case: name,
    ratio,
    want: '<=1.0',
    met: ratio <= 1,
    peer: `limit of ${limit / MEGABYTE} MB`,
    runs: 1,
    spread: [ratio, ratio],
    megabytes: Math.round(bytes / MEGABYTE),
    layers: LAYERS,
  };
}
