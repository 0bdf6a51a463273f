import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  READY_COMMANDS,
  openSlowLink,
  startContainerd,
  type ReadyImage,
  type SlowLinkOptions,
} from '@lade/sandbox';
import type { BenchCase, BenchContext } from './benchmark.ts';
import { dropCaches } from './drop-caches.ts';
import { bucketUrl, publishImage, type PublishedImage } from './published-image.ts';
import { startContainer, type ContainerRequest } from './start-container.ts';
import { startNode } from './start-node.ts';
import { median, round, spread } from './statistics.ts';
import { filledBytes } from './touched-bytes.ts';

const RUNS = 2;
const ROUND_TRIPS = [5, 20] as const;
const MEGABITS = [100, 1000] as const;
/** What is measured without --case: the wire that on-demand layers are for, and a good one. */
const DEFAULT_LINKS = ['20ms/100mbit', '5ms/1000mbit'];
/** At 100 Mb/s at least five times faster than its peer, and never slower. */
const WANTED_RATIO = { 100: 0.2, 1000: 1 } as const;
const WANTED_FETCHED = 1.3;
const PEER = 'overlayfs';

interface Link extends SlowLinkOptions {
  /** As "20ms/100mbit". */
  readonly name: string;
  readonly wantedRatio: number;
}

const LINKS: readonly Link[] = ROUND_TRIPS.flatMap((roundTripMs) =>
  MEGABITS.map((megabits) => ({
    name: `${roundTripMs}ms/${megabits}mbit`,
    roundTripMs,
    bitsPerSecond: megabits * 1_000_000,
    wantedRatio: WANTED_RATIO[megabits],
  })),
);

/**
 * From nothing to a container that does its job, on a node that has run another image but never seen this one: Lade from a
 * bucket against containerd's own overlayfs from a registry, behind equal links, by turns. The ratio is the median of the ratios of the pairs.
 */
export async function* bench(context: BenchContext): AsyncGenerator<BenchCase> {
  for (const name of Object.keys(READY_COMMANDS) as ReadyImage[]) {
    const links = LINKS.filter((link) =>
      context.isWanted(`${name}/${link.name}`, DEFAULT_LINKS.includes(link.name)),
    );
    if (links.length === 0) continue;
    await using image = await publishImage(name, context);
    for (const link of links) yield await compare(`${name}/${link.name}`, { context, image, link });
  }
}

interface Bed {
  readonly context: BenchContext;
  readonly image: PublishedImage;
  readonly link: Link;
}

async function compare(name: string, bed: Bed): Promise<BenchCase> {
  const { context, image, link } = bed;
  const { runs = RUNS } = context;
  const pairs: (readonly [lade: LadeFigures, peer: Figures])[] = [];
  while (pairs.length < runs) {
    const [lade, peer] = [await startFromBucket(bed), await startFromRegistry(bed)];
    pairs.push([lade, peer]);
    context.say(`  ${name} ${pairs.length}/${runs}: ${tell(lade)}, ${PEER} ${tell(peer)}`);
  }
  const ratios = pairs.map(([lade, peer]) => totalMs(lade) / totalMs(peer));
  const ratio = round(median(ratios));
  const of = (figure: (lade: LadeFigures, peer: Figures) => number): number =>
    median(pairs.map(([lade, peer]) => figure(lade, peer)));
  const ms = (figure: (lade: LadeFigures, peer: Figures) => number): number => Math.round(of(figure));
  const { touched, rawBytes } = image;
  const fetchedPerTouched = round(of(({ fetchedBytes }) => fetchedBytes) / touched.touchedBytes);
  return {
    case: name,
    ratio,
    want: `<=${link.wantedRatio.toFixed(1)}`,
    met: ratio <= link.wantedRatio && fetchedPerTouched <= WANTED_FETCHED,
    peer: `containerd ${PEER} ${context.containerdVersion}`,
    runs,
    spread: spread(ratios),
    ms: ms((lade) => totalMs(lade)),
    peerMs: ms((_, peer) => totalMs(peer)),
    pullMs: ms(({ pullMs }) => pullMs),
    createMs: ms(({ createMs }) => createMs),
    readyMs: ms(({ readyMs }) => readyMs),
    peerPullMs: ms((_, { pullMs }) => pullMs),
    peerCreateMs: ms((_, { createMs }) => createMs),
    peerReadyMs: ms((_, { readyMs }) => readyMs),
    warmMs: ms(({ warmMs }) => warmMs),
    fetchedBytes: of(({ fetchedBytes }) => fetchedBytes),
    requests: of(({ requests }) => requests),
    filledBytes: of((lade) => lade.filledBytes),
    ...touched,
    rawBytes,
    fetchedPerTouched,
    filledPerTouched: round(of((lade) => lade.filledBytes) / touched.touchedBytes),
    wantFetchedPerTouched: `<=${WANTED_FETCHED}`,
    peerFetchedBytes: of((_, peer) => peer.fetchedBytes),
  };
}

interface Figures {
  readonly pullMs: number;
  readonly createMs: number;
  readonly readyMs: number;
  /** Over the link until the container was ready, headers included. */
  readonly fetchedBytes: number;
}

interface LadeFigures extends Figures {
  /** That the bucket has answered until then. */
  readonly requests: number;
  /** What the layers took on the disk then. */
  readonly filledBytes: number;
  /** Create and ready of a second container, with everything here and cached. */
  readonly warmMs: number;
}

async function startFromBucket({ context, image, link: options }: Bed): Promise<LadeFigures> {
  const { reference, command, store, other } = image;
  await using link = await openSlowLink(store.address, options);
  await using node = await startNode(context, bucketUrl(link.address));
  const place = { containerd: node.containerd, snapshotter: 'lade' };
  await node.ladeOrThrow('pull', other.reference);
  await runOnce(context, { ...place, ...other });
  await dropCaches();
  const request = { ...place, reference, command };
  const coldStart = async (): Promise<Omit<LadeFigures, 'warmMs'>> => {
    const [received, asked] = [(await link.traffic()).receivedBytes, store.requests().length];
    const began = performance.now();
    await node.ladeOrThrow('pull', reference);
    const pullMs = performance.now() - began;
    await using started = await startContainer(context, request);
    const { createMs, readyMs } = started;
    const fetchedBytes = (await link.traffic()).receivedBytes - received;
    const requests = store.requests().length - asked;
    return { pullMs, createMs, readyMs, fetchedBytes, requests, filledBytes: await filledBytes(node) };
  };
  const cold = await coldStart();
  await using warm = await startContainer(context, request);
  return { ...cold, warmMs: warm.createMs + warm.readyMs };
}

async function startFromRegistry({ context, image, link: options }: Bed): Promise<Figures> {
  const { name, command, origin, other } = image;
  const { packages, signal } = context;
  await using stack = new AsyncDisposableStack();
  const link = stack.use(await openSlowLink(origin.address, options));
  const folder = await mkdtemp(join(tmpdir(), 'lade-peer-'));
  stack.defer(async () => rm(folder, { recursive: true, force: true }));
  const containerd = stack.use(await startContainerd({ packages, folder: join(folder, 'cd'), signal }));
  const place = { containerd, snapshotter: PEER };
  const referenceOf = (image: string): string => `${link.address}/${image}`;
  await containerd.pull(referenceOf(other.name), { snapshotter: PEER });
  await runOnce(context, { ...place, reference: referenceOf(other.name), command: other.command });
  await dropCaches();
  const received = (await link.traffic()).receivedBytes;
  const began = performance.now();
  const reference = referenceOf(name);
  await containerd.pull(reference, { snapshotter: PEER });
  const pullMs = performance.now() - began;
  await using started = await startContainer(context, { ...place, reference, command });
  const { createMs, readyMs } = started;
  return { pullMs, createMs, readyMs, fetchedBytes: (await link.traffic()).receivedBytes - received };
}

async function runOnce(context: BenchContext, request: ContainerRequest): Promise<void> {
  await using _ended = await startContainer(context, request);
}

function totalMs({ pullMs, createMs, readyMs }: Figures): number {
  return pullMs + createMs + readyMs;
}

function tell(figures: Figures): string {
  const { pullMs, createMs, readyMs } = figures;
  const [pull, create, ready] = [pullMs, createMs, readyMs].map(Math.round);
  return `${Math.round(totalMs(figures))} ms (${pull} + ${create} + ${ready})`;
}
