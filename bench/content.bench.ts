import { spawn } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempDisposable, open, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@lade/errors';
import { digestOf, type Digest } from '@lade/oci';
import type { BenchCase, BenchContext } from './benchmark.ts';
import { startNode } from './start-node.ts';
import { median, round, spread } from './statistics.ts';

const CASES = ['write', 'read'] as const;
const RUNS = 5;
const BLOB_BYTES = 256 << 20;
/** Half of containerd's throughput: gRPC copies every byte. */
const WANTED_RATIO = 2;

type Case = (typeof CASES)[number];

/** Something that serves containerd's content API. */
interface Subject {
  readonly address: string;
  readonly ms: Readonly<Record<Case, number[]>>;
}

interface Blob {
  readonly file: string;
  readonly digest: Digest;
}

/**
 * One large blob in and out, by containerd's own ctr: through the daemon's socket, against containerd's with its built-in
 * store. `through` is containerd's socket with Lade's store behind it: what a pull sees.
 */
export async function* bench(context: BenchContext): AsyncGenerator<BenchCase> {
  const cases = CASES.filter((name) => context.isWanted(name));
  if (cases.length === 0) return;
  const { runs = RUNS, signal } = context;
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-blob-'));
  const blob = await makeBlob(folder.path);
  await using node = await startNode(context);
  await using behind = await startNode(context, undefined, { content: true });
  const subject = (address: string): Subject => ({ address, ms: { write: [], read: [] } });
  const peer = subject(node.containerd.address);
  const direct = subject(node.address);
  const through = subject(behind.containerd.address);
  for (let run = 0; run < runs; run++) {
    for (const each of run % 2 === 0 ? [peer, direct, through] : [through, direct, peer]) {
      signal.throwIfAborted();
      await writeAndRead(each, blob, context);
    }
    // What waits for its upload must not be in the way of the next run.
    await Promise.all([node.uploaded(), behind.uploaded()]);
    context.say(`  run ${run + 1} of ${runs}`);
  }
  for (const name of cases) yield toCase(name, { peer, direct, through }, node.containerd.version);
}

async function makeBlob(folder: string): Promise<Blob> {
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const bytes = noise.update(Buffer.alloc(BLOB_BYTES));
  const file = join(folder, 'blob');
  await writeFile(file, bytes);
  return { file, digest: digestOf(bytes) };
}

async function writeAndRead({ address, ms }: Subject, blob: Blob, context: BenchContext): Promise<void> {
  const time = async (name: Case, input: string, ...args: string[]): Promise<void> => {
    const started = performance.now();
    await ctr(context, input, ['--address', address, 'content', ...args]);
    ms[name].push(performance.now() - started);
  };
  const { file, digest } = blob;
  const expected = ['--expected-size', String(BLOB_BYTES), '--expected-digest', digest];
  await time('write', file, 'ingest', ...expected, `bench-${process.hrtime.bigint()}`);
  // containerd's garbage collection takes what nothing refers to.
  await ctr(context, '/dev/null', [
    '--address',
    address,
    'content',
    'label',
    digest,
    'containerd.io/gc.root=bench',
  ]);
  await time('read', '/dev/null', 'get', digest);
  await ctr(context, '/dev/null', ['--address', address, 'content', 'delete', digest]);
}

/** Runs ctr with a file as its input, and nobody who listens. */
async function ctr(
  { packages, signal }: BenchContext,
  input: string,
  args: readonly string[],
): Promise<void> {
  await using stdin = await open(input);
  const path = [...packages.map((folder) => join(folder, 'usr/bin')), process.env['PATH']].join(':');
  const child = spawn('ctr', args, {
    env: { ...process.env, PATH: path },
    stdio: [stdin.fd, 'ignore', 'pipe'],
    signal,
  });
  const said: Buffer[] = [];
  child.stderr?.on('data', (bytes: Buffer) => said.push(bytes));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0)
    throw new CodedError(
      'unavailable',
      `Cannot run ctr ${args.join(' ')}: ${Buffer.concat(said).toString()}`,
    );
}

function toCase(
  name: Case,
  subjects: Readonly<Record<'peer' | 'direct' | 'through', Subject>>,
  version: string,
): BenchCase {
  const [peer, direct, through] = [
    subjects.peer.ms[name],
    subjects.direct.ms[name],
    subjects.through.ms[name],
  ];
  const ratios = direct.map((ms, i) => ms / (peer[i] ?? Number.NaN));
  const ratio = median(ratios);
  const throughput = (ms: readonly number[]): number => Math.round(BLOB_BYTES / 1000 / median(ms));
  return {
    case: name,
    ratio: round(ratio),
    want: `<=${WANTED_RATIO}`,
    met: ratio <= WANTED_RATIO,
    peer: `containerd ${version}, its own store`,
    runs: direct.length,
    spread: spread(ratios),
    megabytesPerSecond: throughput(direct),
    peerMegabytesPerSecond: throughput(peer),
    through: {
      ratio: round(median(through.map((ms, i) => ms / (peer[i] ?? Number.NaN)))),
      megabytesPerSecond: throughput(through),
    },
  };
}
