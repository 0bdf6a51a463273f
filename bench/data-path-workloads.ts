import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { programIn } from '@lade/debian';
import { unpackSet, type ImageName } from '@lade/sandbox';
import type { BenchContext } from './benchmark.ts';

export type Temperature = 'cold' | 'warm';

/** A way to read a tree. */
export interface Workload {
  readonly name: string;
  readonly image: ImageName & ('big-file' | 'small-files');
  /** Lade's time over its peer's. */
  readonly wantedRatio: number;
  /** Has the kernel cache all that run() reads. */
  warmUp(tree: string): Promise<void>;
  /** Milliseconds of the reading alone, as far as its program can tell. */
  run(tree: string, temperature: Temperature): Promise<number>;
}

/** 0.95 of the throughput. */
const DATA_RATIO = 1.05;
const METADATA_RATIO = 1;
const BIG_FILE = 'srv/big-file';
const SMALL_FILES = 'srv/modules';

/** Of whole layers. */
export async function openWorkloads(context: BenchContext): Promise<Workload[]> {
  const readers = await unpackReaders(context);
  const { command, args } = await programIn(readers, 'usr/bin/getfattr');
  const getfattr = [
    command,
    ...args,
    '--recursive',
    '--no-dereference',
    '--dump',
    '--match=-',
    '--absolute-names',
  ];
  return [
    await bigFile(readers, { name: 'sequential', job: SEQUENTIAL }),
    await bigFile(readers, { name: 'random-4k', job: RANDOM_4K }),
    await bigFile(readers, { name: 'random-128k', job: RANDOM_128K }),
    smallFiles('files', DATA_RATIO, ['sh', '-c', 'find "$0" -type f -print0 | xargs -0 cat']),
    smallFiles('stat', METADATA_RATIO, ['sh', '-c', 'find "$0" -printf "%s %T@ %U %m\\n"']),
    smallFiles('readdir', METADATA_RATIO, ['find']),
    smallFiles('listxattr', METADATA_RATIO, getfattr),
  ];
}

/** Of layers of which these workloads have read one half, and nobody the other. */
export async function openHalfWorkloads(context: BenchContext): Promise<Workload[]> {
  const readers = await unpackReaders(context);
  const everyOther = `find "$0" -type f | sort | awk 'NR % 2' | xargs -d '\\n' cat`;
  return [
    await bigFile(readers, { name: 'half-sequential', job: SEQUENTIAL, size: '512m' }),
    await bigFile(readers, { name: 'half-random-4k', job: RANDOM_4K, size: '512m' }),
    smallFiles('half-files', DATA_RATIO, ['sh', '-c', everyOther]),
  ];
}

async function unpackReaders({ cacheFolder, signal, say }: BenchContext): Promise<string> {
  return (await unpackSet('readers', { cacheFolder, signal, log: say })).folder;
}

/** A job of fio(1), and how much it reads: long enough to be measured in milliseconds. */
interface Job {
  readonly pattern: 'read' | 'randread';
  readonly block: string;
  readonly amount: Readonly<Record<Temperature, string>>;
}

const SEQUENTIAL: Job = { pattern: 'read', block: '1m', amount: { cold: '1g', warm: '8g' } };
const RANDOM_4K: Job = { pattern: 'randread', block: '4k', amount: { cold: '64m', warm: '2g' } };
const RANDOM_128K: Job = { pattern: 'randread', block: '128k', amount: { cold: '512m', warm: '8g' } };

interface BigFileWorkload {
  readonly name: string;
  readonly job: Job;
  /** From the file's beginning; default all. */
  readonly size?: string;
}

/** Without advice to the kernel: programs in containers give none either. */
async function bigFile(readers: string, { name, job, size = '1g' }: BigFileWorkload): Promise<Workload> {
  const { command, args } = await programIn(readers, 'usr/bin/fio');
  const fixed = ['--readonly', '--thread', '--ioengine=psync', '--invalidate=0', '--fadvise_hint=0'];
  // fio is linked with Ceph, whose libraries lie where only an installed program would look for them.
  const [ceph = ''] = globSync(join(readers, 'usr/lib/*-linux-gnu/ceph/libceph-common.so.2'));
  const limits = { env: { ...process.env, LD_PRELOAD: ceph }, maxBuffer: 16 << 20 };
  const { pattern, block, amount } = job;
  return {
    name,
    image: 'big-file',
    wantedRatio: DATA_RATIO,
    warmUp: async (tree) => void (await runQuietly(['cat', join(tree, BIG_FILE)])),
    async run(tree, temperature) {
      const what = [`--name=${name}`, `--filename=${join(tree, BIG_FILE)}`, `--size=${size}`];
      const how = [`--rw=${pattern}`, `--bs=${block}`, `--io_size=${amount[temperature]}`, '--randseed=1'];
      const options = [...args, ...fixed, ...what, ...how, '--output-format=json'];
      const { stdout } = await promisify(execFile)(command, options, limits);
      const { jobs } = JSON.parse(stdout) as { jobs: [{ read: { runtime: number } }] };
      return jobs[0].read.runtime;
    },
  };
}

/** A folder that is always there, and on no disk. */
const ANYWHERE = '/proc/self/ns';

/** The programs are loaded before time is taken. */
function smallFiles(name: string, wantedRatio: number, command: readonly string[]): Workload {
  const run = async (tree: string): Promise<number> => {
    await runQuietly([...command, ANYWHERE]);
    return runQuietly([...command, join(tree, SMALL_FILES)]);
  };
  return { name, image: 'small-files', wantedRatio, warmUp: async (tree) => void (await run(tree)), run };
}

/** Without its output; milliseconds. */
async function runQuietly(command: readonly string[]): Promise<number> {
  const began = performance.now();
  await promisify(execFile)('sh', ['-c', 'exec "$@" > /dev/null', 'sh', ...command]);
  return performance.now() - began;
}
