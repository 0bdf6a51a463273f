import { setTimeout as sleep } from 'node:timers/promises';
import { ContainerdClient } from '@lade/containerd-client';
import type { BenchCase, BenchContext } from './benchmark.ts';
import { inMegabytes, MEGABYTE, readMemory, resetPeak } from './process-memory.ts';
import { startNode } from './start-node.ts';
import { median, round, spread } from './statistics.ts';
import { storeImage } from './stored-image.ts';
import { unpack } from './unpack.ts';

const RUNS = 3;
/** Before "idle" is measured. */
const REST_MS = 5_000;

/** Name → what the daemon may have in physical memory at most, in bytes. */
const LIMITS = {
  /** Five seconds after the start. */
  idle: 90 * MEGABYTE,
  /** The peak while a layer with one file of 1 GiB goes through Diff.Apply. */
  converting: 250 * MEGABYTE,
  /** The peak while that layer goes to the bucket. */
  publishing: 250 * MEGABYTE,
} as const;

type Phase = keyof typeof LIMITS;

/** Memory of the daemon; its peer is the limit that the project has set itself. */
export async function* bench(context: BenchContext): AsyncGenerator<BenchCase> {
  const phases = (Object.keys(LIMITS) as Phase[]).filter((phase) => context.isWanted(phase));
  const { runs = RUNS } = context;
  const measured: Readonly<Record<Phase, number>>[] = [];
  while (phases.length > 0 && measured.length < runs) {
    const bytes = await measure(context);
    measured.push(bytes);
    const figures = phases.map((phase) => `${phase} ${inMegabytes(bytes[phase])} MB`);
    context.say(`  ${measured.length}/${runs}: ${figures.join(', ')}`);
  }
  for (const phase of phases) {
    yield toCase(
      phase,
      measured.map((bytes) => bytes[phase]),
    );
  }
}

/** The life of one daemon. */
async function measure(context: BenchContext): Promise<Record<Phase, number>> {
  const { signal } = context;
  await using node = await startNode(context);
  const pid = node.daemonPid;
  await sleep(REST_MS, undefined, { signal });
  const { residentBytes: idle } = await readMemory(pid);
  using client = ContainerdClient.open({ address: node.containerd.address });
  const image = await storeImage(client, 'big-file', context);
  await resetPeak(pid);
  await unpack(client, image, { snapshotter: 'lade', signal });
  const { peakBytes: converting } = await readMemory(pid);
  await resetPeak(pid);
  await node.uploaded();
  const { peakBytes: publishing } = await readMemory(pid);
  return { idle, converting, publishing };
}

function toCase(phase: Phase, bytes: readonly number[]): BenchCase {
  const limit = LIMITS[phase];
  const ratios = bytes.map((each) => each / limit);
  const ratio = round(median(ratios));
  return {
    case: phase,
    ratio,
    want: '<=1.0',
    met: ratio <= 1,
    peer: `limit of ${limit / MEGABYTE} MB`,
    runs: bytes.length,
    spread: spread(ratios),
    megabytes: inMegabytes(median(bytes)),
  };
}
