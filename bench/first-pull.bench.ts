import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ContainerdClient } from '@lade/containerd-client';
import { CodedError } from '@lade/errors';
import type { ImageName } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import type { BenchCase, BenchContext } from './benchmark.ts';
import { findProcess, readCpuMs } from './process-time.ts';
import { startNode } from './start-node.ts';
import { median, round, spread } from './statistics.ts';
import { storeImage, type StoredImage } from './stored-image.ts';
import { touchMemory } from './touch-memory.ts';
import { removeUnpacked, unpack } from './unpack.ts';

const IMAGES = [
  'python',
  'node',
  'postgres',
  'openjdk',
  'small-files',
  'big-file',
] as const satisfies readonly ImageName[];
const RUNS = 5;
const WANTED_RATIO = 1;
const PEER = 'overlayfs';
/** More than what unpacking takes of the page cache, as a multiple of the compressed image. */
const TOUCHED_PER_COMPRESSED = 5;

/**
 * Time to unpack an image whose content is in containerd's store already: Lade against containerd's own overlayfs with its own
 * differ, in one containerd, by turns. The ratio is the median of the ratios of the pairs.
 */
export async function* bench(context: BenchContext): AsyncGenerator<BenchCase> {
  for (const name of IMAGES) if (context.isWanted(name)) yield await compare(name, context);
}

async function compare(name: ImageName, context: BenchContext): Promise<BenchCase> {
  await using node = await startNode(context);
  using client = ContainerdClient.open({ address: node.containerd.address });
  const image = await storeImage(client, name, context);
  const containerd = await findProcess(['containerd', '--config', configurationOf(node)]);
  const bed = { node, client, image, pids: [node.daemonPid, containerd], signal: context.signal };
  const { runs = RUNS } = context;
  const pairs: (readonly [lade: Figures, peer: Figures])[] = [];
  while (pairs.length < runs) {
    const [lade, peer] = [await measure(bed, 'lade'), await measure(bed, PEER)];
    pairs.push([lade, peer]);
    context.say(
      `  ${name} ${pairs.length}/${runs}: ${Math.round(lade.ms)} ms, ${PEER} ${Math.round(peer.ms)} ms`,
    );
  }
  const ratios = pairs.map(([lade, peer]) => lade.ms / peer.ms);
  const ratio = round(median(ratios));
  return {
    case: name,
    ratio,
    want: `<=${WANTED_RATIO.toFixed(1)}`,
    met: ratio <= WANTED_RATIO,
    peer: `containerd ${PEER} ${node.containerd.version}`,
    runs,
    spread: spread(ratios),
    ms: Math.round(median(pairs.map(([lade]) => lade.ms))),
    peerMs: Math.round(median(pairs.map(([, peer]) => peer.ms))),
    cpuMs: Math.round(median(pairs.map(([lade]) => lade.cpuMs))),
    peerCpuMs: Math.round(median(pairs.map(([, peer]) => peer.cpuMs))),
    layers: image.layers.length,
    compressedBytes: image.compressedBytes,
    tarBytes: pairs[0]?.[0].tarBytes,
  };
}

/** Where the sandbox keeps the configuration of its containerd. */
function configurationOf({ containerd }: LadeNode): string {
  return join(dirname(containerd.root), 'config.toml');
}

interface Figures {
  readonly ms: number;
  /** Processor time of Lade and containerd together. */
  readonly cpuMs: number;
  readonly tarBytes: number;
}

interface Bed {
  readonly node: LadeNode;
  readonly client: ContainerdClient;
  readonly image: StoredImage;
  /** Of the daemon and of containerd. */
  readonly pids: readonly number[];
  readonly signal: AbortSignal;
}

/** One unpacking, timed; before it nothing of the image is unpacked, and nothing waits for the disk or the bucket. */
async function measure(bed: Bed, snapshotter: string): Promise<Figures> {
  const { node, client, image, signal } = bed;
  const options = { snapshotter, signal };
  await promisify(execFile)('sync');
  await touchMemory(TOUCHED_PER_COMPRESSED * image.compressedBytes, dirname(node.root));
  const before = await usedCpuMs(bed);
  const figures = await unpack(client, image, options);
  const cpuMs = (await usedCpuMs(bed)) - before;
  await node.uploaded();
  if (snapshotter === 'lade') await requireConverted(node, image);
  await removeUnpacked(client, image, options);
  await emptied(node);
  return { ...figures, cpuMs };
}

async function usedCpuMs({ pids }: Bed): Promise<number> {
  const each = await Promise.all(pids.map(readCpuMs));
  return each.reduce((sum, ms) => sum + ms, 0);
}

/** A layer from anywhere else than our differ would make the figure worthless. */
async function requireConverted(node: LadeNode, { layers }: StoredImage): Promise<void> {
  const found = await layersOf(node);
  if (found.length === layers.length && found.every(({ origin }) => origin === 'converted')) return;
  throw new CodedError(
    'internal',
    `Cannot measure: ${found.length} layers of ${layers.length} were converted`,
  );
}

async function emptied(node: LadeNode): Promise<void> {
  const deadline = Date.now() + 60_000;
  while ((await layersOf(node)).length > 0) {
    if (Date.now() > deadline)
      throw new CodedError('deadline_exceeded', 'Cannot measure: layers stay after their snapshots');
    await sleep(100);
  }
}

async function layersOf(node: LadeNode): Promise<{ readonly origin: string }[]> {
  return JSON.parse(await node.ladeOrThrow('layers', '--json')) as { origin: string }[];
}
