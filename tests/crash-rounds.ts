import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { openBucket } from '@lade/bucket';
import { ContainerdClient } from '@lade/containerd-client';
import { isCodedError } from '@lade/errors';
import { startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import { assertNodeEmpty, clearNode } from './node-state.ts';
import { noise } from './noise.ts';
import { seededRandom } from './seeded-random.ts';
import { Testbed, waitUntil, type ContainerdVersion } from './testbed.ts';

const LARGE_BYTES = 7_000_000;
const LAYERS = [1, 2, 3] as const;

/**
 * Pulls a 3-layer image again and again, in turns into an empty bucket and into one that has it; kills the daemon at a
 * random moment of each pull and the uploads behind it; and starts another one, which must know every snapshot that
 * containerd was told is committed, and bring pull and uploads to their end. The same seed kills at the same moments.
 */
export async function runCrashRounds(
  t: TestContext,
  options: { readonly rounds: number; readonly seed: number; readonly version: ContainerdVersion },
): Promise<void> {
  const random = seededRandom(options.seed);
  t.diagnostic(`seed ${options.seed}`);
  await using bed = await Testbed.open(t);
  const layout = await bed.makeFolder('layout');
  const layers = LAYERS.map((seed) => gzipLayer(soundTar(seed, LARGE_BYTES)));
  await writeLayout(layout, { 'app:latest': layers });
  await using origin = await startOrigin([layout]);
  const reference = `${origin.address}/app:latest`;
  const bucketUrl = await bed.bucket('directory');
  const node = await bed.node('node', bucketUrl, options.version);
  using commits = new CommitLog(node);
  const looks = new Looks(bed, node, reference);
  const started = performance.now();
  await pull(node, reference);
  await node.uploaded();
  const wholeMs = performance.now() - started;
  await waitUntil('containerd has told of its commits', async () => commits.size === LAYERS.length);
  await looks.check();
  for (let round = 1; round <= options.rounds; round++) {
    const isFresh = round % 3 !== 0;
    const killMs = Math.round(random() * wholeMs * (isFresh ? 1.2 : 0.5));
    await t.test(
      `round ${round}: killed ${killMs} ms into a pull ${isFresh ? 'to' : 'from'} the bucket`,
      async () => {
        await clearNode(node);
        if (isFresh) await emptyBucket(bucketUrl);
        commits.clear();
        const pulling = pull(node, reference).catch(() => undefined);
        await sleep(killMs);
        await node.killDaemon();
        await pulling;
        await node.startDaemon();
        await commits.assertKept();
        await assertNothingHalfDone(node);
        await pull(node, reference);
        await looks.check();
        await node.uploaded();
        await node.publishes(reference);
        await node.ladeOrThrow('verify', reference);
      },
    );
  }
  await clearNode(node);
  await assertNodeEmpty(node);
}

async function pull(node: LadeNode, reference: string): Promise<void> {
  await node.containerd.pull(reference, { snapshotter: 'lade' });
}

async function emptyBucket(bucketUrl: string): Promise<void> {
  await using bucket = await openBucket(bucketUrl);
  await bucket.delete((await Array.fromAsync(bucket.list(''))).map(({ key }) => key));
}

/** Every folder of a layer has its row, and nothing else is there; containerd may be removing some meanwhile. */
async function assertNothingHalfDone(node: LadeNode): Promise<void> {
  await waitUntil('rows and folders of layers are the same', async () => {
    const layers = JSON.parse(await node.ladeOrThrow('layers', '--json')) as { diffId: string }[];
    const rows = layers.map(({ diffId }) => diffId.slice('sha256:'.length)).sort();
    return isDeepStrictEqual((await readdir(join(node.root, 'layers'))).sort(), rows);
  });
}

/** What containerd says about commits: the snapshots that it was told are committed, and has not removed since. */
class CommitLog implements Disposable {
  readonly #client: ContainerdClient;
  readonly #stop = new AbortController();
  readonly #kept = new Set<string>();

  constructor(node: LadeNode) {
    this.#client = ContainerdClient.open({ address: node.containerd.address });
    void this.#listen().catch(() => undefined);
  }

  get size(): number {
    return this.#kept.size;
  }

  clear(): void {
    this.#kept.clear();
  }

  /** A snapshot that is gone may have been removed just now: its event is waited for. */
  async assertKept(): Promise<void> {
    for (const name of this.#kept) {
      if (await this.#exists(name)) continue;
      await sleep(1000);
      assert.ok(!this.#kept.has(name), `containerd was told that ${name} is committed, and it is lost`);
    }
  }

  async #exists(name: string): Promise<boolean> {
    try {
      return (await this.#client.snapshots('lade').stat(name)).kind === 'committed';
    } catch (reason) {
      if (isCodedError(reason, 'not_found')) return false;
      throw reason;
    }
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#client[Symbol.dispose]();
  }

  async #listen(): Promise<void> {
    const filters = ['topic=="/snapshot/commit"', 'topic=="/snapshot/remove"'];
    const events = this.#client.events.subscribe(filters, { signal: this.#stop.signal });
    for await (const { topic, message } of events) {
      const { name, key = '' } = message as unknown as { name?: string; key?: string };
      if (topic === '/snapshot/commit') this.#kept.add(name ?? key);
      else this.#kept.delete(key);
    }
  }
}

/** Looks at the image through a mount of containerd's making. */
class Looks {
  readonly #bed: Testbed;
  readonly #node: LadeNode;
  readonly #reference: string;
  #count = 0;

  constructor(bed: Testbed, node: LadeNode, reference: string) {
    this.#bed = bed;
    this.#node = node;
    this.#reference = reference;
  }

  async check(): Promise<void> {
    const folder = await this.#bed.makeFolder(`look-${++this.#count}`);
    await this.#node.ctr('images', 'mount', '--snapshotter', 'lade', this.#reference, folder);
    try {
      for (const seed of LAYERS) {
        const content = await readFile(join(folder, `usr/large-${seed}`));
        assert.ok(content.equals(noise(String(seed), LARGE_BYTES)), `layer ${seed} has other bytes`);
      }
      assert.equal((await readdir(join(folder, 'etc'))).length, LAYERS.length * 20);
    } finally {
      await this.#node.ctr('images', 'unmount', '--rm', '--snapshotter', 'lade', folder);
    }
  }
}
