import { ContainerdClient, type SnapshotsClient } from '@lade/containerd-client';
import type { BenchCase, BenchContext } from './benchmark.ts';
import { startNode } from './start-node.ts';
import { percentile, round, spread } from './statistics.ts';
import { KEPT, storeImage } from './stored-image.ts';
import { unpack } from './unpack.ts';

const CALLS = ['prepare', 'mounts', 'stat', 'commit', 'remove'] as const;
const RUNS = 500;
const WANTED_P50_MS = 2;
const WANTED_P99_MS = 10;
const PEER = 'overlayfs';
/** Present while calls are timed, beside those of one image: chains as of images. */
const CHAINS = 100;
const CHAIN_LENGTH = 10;
/** Chains that are made at the same time. */
const AT_ONCE = 4;

type Call = (typeof CALLS)[number];

/** A snapshotter, where snapshots are made on top of an image. */
interface Subject {
  readonly snapshots: SnapshotsClient;
  readonly parent: string;
  readonly ms: Readonly<Record<Call, number[]>>;
}

/**
 * Time of single calls with 1,000 snapshots present. The ratio is that of the medians: the daemon's own socket against
 * overlayfs behind containerd's. `through` is Lade behind containerd's socket as well, like for like.
 */
export async function* bench(context: BenchContext): AsyncGenerator<BenchCase> {
  const calls = CALLS.filter((call) => context.isWanted(call));
  if (calls.length === 0) return;
  const { runs = RUNS } = context;
  // A node of its own: containerd would remove snapshots that another client than itself makes in its snapshotter.
  await using aside = await startNode(context);
  await using node = await startNode(context);
  using asideClient = ContainerdClient.open({ address: aside.containerd.address });
  using daemon = ContainerdClient.open({ address: aside.address });
  using client = ContainerdClient.open({ address: node.containerd.address });
  await storeImage(asideClient, 'python', context);
  const direct = await populate(daemon, 'lade', asideClient, context);
  const through = await populate(client, 'lade', client, context);
  const peer = await populate(client, PEER, client, context);
  await Promise.all([aside.uploaded(), node.uploaded()]);
  context.say(`  ${CHAINS * CHAIN_LENGTH} snapshots are in each of three places; ${runs} times every call`);
  for (let run = 0; run < runs; run++) {
    context.signal.throwIfAborted();
    for (const subject of [direct, through, peer]) await callAll(subject, `run-${run}`);
  }
  for (const call of calls) yield toCase(call, { direct, through, peer }, node.containerd.version);
}

/** Unpacks an image, and makes a thousand snapshots beside it. */
async function populate(
  calls: ContainerdClient,
  snapshotter: string,
  content: ContainerdClient,
  context: BenchContext,
): Promise<Subject> {
  const image = await storeImage(content, 'python', context);
  await unpack(calls, image, { snapshotter, signal: context.signal });
  const snapshots = calls.snapshots(snapshotter);
  const chain = async (name: string): Promise<void> => {
    for (let i = 0, parent = ''; i < CHAIN_LENGTH; i++) {
      context.signal.throwIfAborted();
      await snapshots.prepare(`${name}/active`, { parent, labels: KEPT });
      await snapshots.commit(`${name}/${i}`, `${name}/active`, { labels: KEPT });
      parent = `${name}/${i}`;
    }
  };
  for (let i = 0; i < CHAINS; i += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, async (_, j) => chain(`chain-${i + j}`)));
  const ms = { prepare: [], mounts: [], stat: [], commit: [], remove: [] };
  return { snapshots, parent: image.layers.at(-1)?.chainId ?? '', ms };
}

/** The life of one snapshot, every call timed. */
async function callAll({ snapshots, parent, ms }: Subject, name: string): Promise<void> {
  const time = async (call: Call, work: () => Promise<unknown>): Promise<void> => {
    const started = performance.now();
    await work();
    ms[call].push(performance.now() - started);
  };
  const committed = `${name}/committed`;
  await time('prepare', async () => snapshots.prepare(name, { parent, labels: KEPT }));
  await time('mounts', async () => snapshots.mounts(name));
  await time('stat', async () => snapshots.stat(name));
  await time('commit', async () => snapshots.commit(committed, name, { labels: KEPT }));
  await time('remove', async () => snapshots.remove(committed));
}

function toCase(
  call: Call,
  subjects: Readonly<Record<'direct' | 'through' | 'peer', Subject>>,
  version: string,
): BenchCase {
  const direct = subjects.direct.ms[call];
  const peer = subjects.peer.ms[call];
  const through = subjects.through.ms[call];
  const peerP50 = percentile(peer, 50);
  const [p50Ms, p99Ms] = [percentile(direct, 50), percentile(direct, 99)];
  return {
    case: call,
    ratio: round(p50Ms / peerP50),
    want: `p50<=${WANTED_P50_MS}ms p99<=${WANTED_P99_MS}ms`,
    met: p50Ms <= WANTED_P50_MS && p99Ms <= WANTED_P99_MS,
    peer: `containerd ${PEER} ${version}`,
    runs: direct.length,
    spread: spread(direct.map((ms) => ms / peerP50)),
    p50Ms: round(p50Ms),
    p99Ms: round(p99Ms),
    peerP50Ms: round(peerP50),
    peerP99Ms: round(percentile(peer, 99)),
    through: {
      ratio: round(percentile(through, 50) / peerP50),
      p50Ms: round(percentile(through, 50)),
      p99Ms: round(percentile(through, 99)),
    },
    snapshots: CHAINS * CHAIN_LENGTH,
  };
}
