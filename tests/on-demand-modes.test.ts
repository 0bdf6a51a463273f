import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { mountPointsBelow, startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import { noise } from './noise.ts';
import { Testbed, needsRoot } from './testbed.ts';

/*
 * A node that fills another way after each restart: what was mounted goes on as it was, half of it here, and what is mounted
 * anew gets the new way. Readers see the right bytes all the time, also while no daemon runs.
 */
const WAYS = ['fanotify', 'fuse', 'full', 'auto', 'fuse', 'fanotify'] as const;
/** Names of mount points tell how. */
const MOUNTED = { fanotify: /\d+n$/, fuse: /\d+u$/, full: /\d+w$/, auto: /\d+[nu]$/ } as const;
const LARGE_BYTES = 6_000_000;
const READ_PART = 'head -c "$1" "$2" | sha256sum';

test('a node changes how it fills at every restart', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const layout = await bed.makeFolder('layout');
  const images = WAYS.map((_, i) => [`app-${i}:latest`, [gzipLayer(soundTar(i, LARGE_BYTES))]] as const);
  await writeLayout(layout, Object.fromEntries(images));
  await using origin = await startOrigin([layout]);
  const references = images.map(([name]) => `${origin.address}/${name}`);
  const bucketUrl = await bed.bucket('directory');
  const publisher = await bed.node('publisher', bucketUrl, '2.1');
  for (const reference of references) {
    await publisher.containerd.pull(reference, { snapshotter: 'lade' });
    await publisher.publishes(reference);
  }
  await publisher.uploaded();
  await publisher[Symbol.asyncDispose]();

  const flagsOf = (fill: string): string[] => ['--fill', fill, '--background-rate', '0'];
  const node = await bed.node('node', bucketUrl, '2.1', flagsOf(WAYS[0]));
  await using looks = new Looks(bed, node);
  for (const [i, fill] of WAYS.entries()) {
    await t.test(`${i + 1}: ${fill}`, async () => {
      const reading = looks.readEarlier(i);
      if (i > 0) {
        await node.stopDaemon();
        await node.startDaemon({ flags: flagsOf(fill) });
      }
      await reading;
      await node.ladeOrThrow('pull', references[i] ?? '');
      await looks.mount(i, references[i] ?? '');
      const mounted = (await mountPointsBelow(join(node.root, 'mounts'))).at(-1) ?? '';
      assert.match(mounted, MOUNTED[fill]);
      for (let each = 0; each <= i; each++) await looks.readPart(each, i + 1);
    });
  }
  await t.test('in the end all is right, read again from the disk', async () => {
    for (const i of WAYS.keys()) await looks.readPart(i, WAYS.length * 2);
  });
});

/** The images of a node, mounted by containerd. */
class Looks implements AsyncDisposable {
  readonly #bed: Testbed;
  readonly #node: LadeNode;
  readonly #folders: string[] = [];

  constructor(bed: Testbed, node: LadeNode) {
    this.#bed = bed;
    this.#node = node;
  }

  async mount(i: number, reference: string): Promise<void> {
    const folder = await this.#bed.makeFolder(`look-${i}`);
    await this.#node.ctr('images', 'mount', '--snapshotter', 'lade', reference, folder);
    this.#folders[i] = folder;
  }

  /** The first part of the large file, and more of it the more `steps` there are: all from 12 on. */
  async readPart(i: number, steps: number): Promise<void> {
    await writeFile('/proc/sys/vm/drop_caches', '3');
    const wanted = noise(String(i), LARGE_BYTES);
    const part = Math.min(LARGE_BYTES, Math.ceil((LARGE_BYTES * steps) / (WAYS.length * 2)));
    const path = join(this.#folders[i] ?? '', `usr/large-${i}`);
    // In a process of its own: four readers that wait would leave this one no thread to start their daemon with.
    const { stdout } = await promisify(execFile)('sh', ['-c', READ_PART, 'sh', String(part), path]);
    const expected = createHash('sha256').update(wanted.subarray(0, part)).digest('hex');
    assert.equal(stdout.split(' ')[0], expected, `image ${i} has other bytes`);
  }

  /** A little more of everything that is mounted, while the daemon is restarted. */
  async readEarlier(steps: number): Promise<void> {
    await Promise.all(this.#folders.map(async (_, i) => this.readPart(i, steps + 1)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const folder of this.#folders)
      await this.#node.ctr('images', 'unmount', '--rm', '--snapshotter', 'lade', folder);
  }
}
