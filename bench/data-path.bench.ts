import { mkdir, mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@lade/errors';
import { buildImage, startOrigin, type ImageName } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import type { BenchCase, BenchContext } from './benchmark.ts';
import { openHalfWorkloads, openWorkloads, type Temperature, type Workload } from './data-path-workloads.ts';
import { dropCaches } from './drop-caches.ts';
import { startNode } from './start-node.ts';
import { median, round, spread } from './statistics.ts';
import { filledBytes } from './touched-bytes.ts';

const RUNS = 6;
const IMAGES = ['big-file', 'small-files'] as const satisfies readonly ImageName[];
/** Somewhat longer than the kernel reads little ahead after the first read of a layer. */
const START_MS = 11_000;
const LADE = 'lade';
const PEER = 'overlayfs';

interface Reading {
  readonly name: string;
  readonly workload: Workload;
  readonly temperature: Temperature;
}

/** Where the trees of the images are. */
type Trees = Readonly<Record<Workload['image'], string>>;

interface Sides {
  readonly lade: Trees;
  readonly peer: Trees;
}

/**
 * Reading what is on this node already: through Lade's mounts against those of containerd's own overlayfs, on one disk, by
 * turns. The ratio is the median of the ratios of the pairs.
 */
export async function* bench(context: BenchContext): AsyncGenerator<BenchCase> {
  const isWanted = ({ name }: Reading): boolean => context.isWanted(name);
  const whole = (await openWorkloads(context))
    .flatMap((workload) => [reading(workload, 'cold'), reading(workload, 'warm')])
    .filter(isWanted);
  const isLazy = context.flags.length > 0;
  const half = (await openHalfWorkloads(context))
    .map((workload) => reading(workload, 'cold'))
    .filter(({ name }) => context.isWanted(name, isLazy));
  if (whole.length + half.length === 0) return;
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-bucket-'));
  const bucketUrl = `file://${folder.path}`;
  await using node = await startNode(context, bucketUrl);
  const references = await bringImages(node, context);
  const peer = await mountImages(node, references, PEER);
  const lade = await mountImages(node, references, LADE);
  await endStart(lade, whole, context.signal);
  for (const each of whole) yield await compare(each, { lade, peer }, context);
  if (half.length === 0) return;
  await using second = await startNode(context, bucketUrl);
  const halves = await readHalves(second, references, half);
  await endStart(halves, half, context.signal);
  for (const each of half) yield await compare(each, { lade: halves, peer }, context);
}

function reading(workload: Workload, temperature: Temperature): Reading {
  return { name: `${workload.name}/${temperature}`, workload, temperature };
}

/** Pulls the images with both snapshotters, and publishes them; their references. */
async function bringImages(node: LadeNode, { cacheFolder, signal, say }: BenchContext): Promise<Trees> {
  const options = { cacheFolder, signal, log: say };
  const [big, small] = [await buildImage(IMAGES[0], options), await buildImage(IMAGES[1], options)];
  await using origin = await startOrigin([big.layout, small.layout]);
  const references = {
    'big-file': `${origin.address}/${big.name}`,
    'small-files': `${origin.address}/${small.name}`,
  };
  for (const name of IMAGES)
    for (const snapshotter of [LADE, PEER]) await node.containerd.pull(references[name], { snapshotter });
  await node.uploaded();
  for (const name of IMAGES) await node.publishes(references[name]);
  return references;
}

async function mountImages(node: LadeNode, references: Trees, snapshotter: string): Promise<Trees> {
  const mountImage = async (name: Workload['image']): Promise<string> => {
    const target = join(dirname(node.root), `${snapshotter}-${name}`);
    await mkdir(target);
    await node.ctr('images', 'mount', '--snapshotter', snapshotter, references[name], target);
    return target;
  };
  return { 'big-file': await mountImage('big-file'), 'small-files': await mountImage('small-files') };
}

/** Mounts the images from the bucket, and reads of them what `readings` read. */
async function readHalves(node: LadeNode, references: Trees, readings: readonly Reading[]): Promise<Trees> {
  for (const name of IMAGES) await node.ladeOrThrow('pull', references[name]);
  const before = await filledBytes(node);
  const trees = await mountImages(node, references, LADE);
  for (const { workload } of readings) await workload.run(trees[workload.image], 'cold');
  if ((await filledBytes(node)) > before) return trees;
  throw new CodedError('failed_precondition', 'Cannot measure half a layer: this daemon brought it whole', {
    cure: 'Choose another mode with --fill',
  });
}

/** A container that starts is not what is measured here. */
async function endStart(trees: Trees, readings: readonly Reading[], signal: AbortSignal): Promise<void> {
  for (const { workload } of readings) await workload.run(trees[workload.image], 'cold');
  await sleep(START_MS, undefined, { signal });
}

async function compare(
  { name, workload, temperature }: Reading,
  { lade, peer }: Sides,
  context: BenchContext,
): Promise<BenchCase> {
  const { runs = RUNS, containerdVersion, say } = context;
  const { image, wantedRatio } = workload;
  const time = async (trees: Trees): Promise<number> => {
    context.signal.throwIfAborted();
    await (temperature === 'cold' ? dropCaches() : workload.warmUp(trees[image]));
    return workload.run(trees[image], temperature);
  };
  // What is left of a cold run is the last reader's, in pieces as it read them.
  await dropCaches();
  const pairs: { readonly ms: number; readonly peerMs: number }[] = [];
  while (pairs.length < runs) {
    if (pairs.length % 2 === 0) pairs.push({ ms: await time(lade), peerMs: await time(peer) });
    else pairs.push({ peerMs: await time(peer), ms: await time(lade) });
  }
  const ratios = pairs.map(({ ms, peerMs }) => ms / peerMs);
  const ratio = round(median(ratios));
  say(`  ${name}: ${ratio}`);
  return {
    case: name,
    ratio,
    want: `<=${wantedRatio}`,
    met: ratio <= wantedRatio,
    peer: `containerd ${PEER} ${containerdVersion}`,
    runs,
    spread: spread(ratios),
    ms: Math.round(median(pairs.map(({ ms }) => ms))),
    peerMs: Math.round(median(pairs.map(({ peerMs }) => peerMs))),
  };
}
