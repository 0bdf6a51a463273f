import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBucket, type Bucket } from '@lade/bucket';
import type { LayerSummary, Status } from '@lade/control-protocol';
import { ChunkCatalogue, convertLayer, publishLayer, type LayerIndex } from '@lade/layers';
import type { Digest } from '@lade/oci';
import { openDatabase } from '@lade/sqlite';
import { fromBytes } from '@lade/streams';
import type { LadeNode } from '@lade/tour';
import { noise } from './noise.ts';
import type { Testbed } from './testbed.ts';

/** The modes in which a reader may come before its bytes. */
export const LAZY_MODES = ['fanotify', 'fuse'] as const;
/** Nothing is brought that no reader asks for. */
export const NO_BACKGROUND = [
  '--background-rate',
  '0',
  '--record-starts',
  'off',
  '--record-node',
  'off',
] as const;

/** What a process of its own got from a file: all that it asked for, or what came before the error. */
interface Reading {
  readonly bytes: Buffer;
  readonly error?: string;
}

/** Has dd(1) read a range of a file. */
async function readRange(path: string, offset: number, length: number): Promise<Reading> {
  const range = [`skip=${offset}`, `count=${length}`, 'iflag=skip_bytes,count_bytes,fullblock'];
  const options = { encoding: 'buffer', maxBuffer: 1 << 30 } as const;
  return new Promise((resolve) => {
    execFile('dd', [`if=${path}`, 'bs=256k', 'status=none', ...range], options, (error, bytes, stderr) => {
      resolve(error ? { bytes, error: stderr.toString() } : { bytes });
    });
  });
}

/** A file of an image, as it is and as a mount of containerd's making shows it. */
export interface SeenFile {
  readonly path: string;
  readonly content: Buffer;
}

/** A range of a file; all of it by default. */
type Range = readonly [offset: number, length: number];

const wholeOf = ({ content }: SeenFile): Range => [0, content.length];

/** A reader gets the very bytes. */
export async function assertReads(file: SeenFile, [offset, length]: Range = wholeOf(file)): Promise<void> {
  const { bytes, error } = await readRange(file.path, offset, length);
  assert.equal(error, undefined, file.path);
  assert.ok(bytes.equals(file.content.subarray(offset, offset + length)), `${file.path} has other bytes`);
}

/** A reader gets EIO, and before it nothing but the very bytes. */
export async function assertFails(file: SeenFile, [offset, length]: Range = wholeOf(file)): Promise<void> {
  const { bytes, error } = await readRange(file.path, offset, length);
  assert.match(error ?? `none, but ${bytes.length} bytes`, /Input\/output error/);
  assert.ok(
    bytes.equals(file.content.subarray(offset, offset + bytes.length)),
    `${file.path} has other bytes`,
  );
}

/** An image mounted on a node, with layers of soundTar(). */
export class View implements AsyncDisposable {
  readonly #node: LadeNode;
  readonly #folder: string;
  readonly #large: ReadonlyMap<number, number>;

  private constructor(node: LadeNode, folder: string, large: ReadonlyMap<number, number>) {
    this.#node = node;
    this.#folder = folder;
    this.#large = large;
  }

  /** `large`: the size of the large file of each layer, by its seed. */
  static async open(
    bed: Testbed,
    node: LadeNode,
    image: { readonly reference: string; readonly large: ReadonlyMap<number, number> },
  ): Promise<View> {
    const folder = await bed.makeFolder(`view-${process.hrtime.bigint()}`);
    await node.ctr('images', 'mount', '--snapshotter', 'lade', image.reference, folder);
    return new View(node, folder, image.large);
  }

  file(path: string, content: Buffer): SeenFile {
    return { path: join(this.#folder, path), content };
  }

  large(seed: number): SeenFile {
    const content = noise(String(seed), this.#large.get(seed) ?? 0);
    return this.file(`usr/large-${seed}`, content);
  }

  small(seed: number, i: number): SeenFile {
    return this.file(`etc/small-${seed}-${i}`, noise(`${seed} ${i}`, 100 + i * 500));
  }

  /** Every byte of every layer. */
  async assertAllReads(): Promise<void> {
    for (const seed of this.#large.keys()) {
      await assertReads(this.large(seed));
      for (const i of [0, 7, 19]) await assertReads(this.small(seed, i));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node.ctr('images', 'unmount', '--rm', '--snapshotter', 'lade', this.#folder);
  }
}

export async function statusOf(node: LadeNode): Promise<Status> {
  return JSON.parse(await node.ladeOrThrow('status', '--json')) as Status;
}

export async function layersOf(node: LadeNode): Promise<LayerSummary[]> {
  return JSON.parse(await node.ladeOrThrow('layers', '--json')) as LayerSummary[];
}

/** What a node has logged and counted since. */
export class Watch {
  readonly #node: LadeNode;
  readonly #from: number;
  readonly #before: Status['residency'];

  private constructor(node: LadeNode, from: number, before: Status['residency']) {
    this.#node = node;
    this.#from = from;
    this.#before = before;
  }

  static async begin(node: LadeNode): Promise<Watch> {
    const log = await readFile(node.logFile);
    return new Watch(node, log.length, (await statusOf(node)).residency);
  }

  /** A line of the log has all of these. */
  async assertNames(...parts: readonly string[]): Promise<void> {
    const log = (await readFile(this.#node.logFile)).subarray(this.#from).toString();
    const lines = log.split('\n');
    assert.ok(
      lines.some((line) => parts.every((part) => line.includes(part))),
      `no line has ${parts.join(' and ')}:\n${log}`,
    );
  }

  async counted(): Promise<Status['residency']> {
    return grownBy((await statusOf(this.#node)).residency, this.#before);
  }
}

/** What counters have grown by since `before`, at every depth. */
function grownBy<T extends object>(now: T, before: T): T {
  const grown = Object.entries(now).map(([name, value]: [string, number | object]) => {
    const old = before[name as keyof T] as number | object;
    return [name, typeof value === 'object' ? grownBy(value, old as object) : value - (old as number)];
  });
  return Object.fromEntries(grown) as T;
}

export async function readObject(bucket: Bucket, key: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync((await bucket.get(key)).body));
}

export interface Elsewhere {
  /** By key. */
  readonly objects: ReadonlyMap<string, Buffer>;
  /** Of the last layer. */
  readonly index: LayerIndex;
}

/** Publishes layers, one after the other, into a bucket of their own. */
export async function publishElsewhere(...tars: readonly Uint8Array[]): Promise<Elsewhere> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-elsewhere-'));
  await using bucket = await openBucket('memory:');
  using stack = new DisposableStack();
  const db = stack.adopt(openDatabase(join(folder.path, 'state.db')), (it) => it.close());
  const catalogue = new ChunkCatalogue(db);
  let index: LayerIndex | undefined;
  for (const [i, tar] of tars.entries()) {
    const layer = join(folder.path, String(i));
    await mkdir(layer);
    await convertLayer(fromBytes(tar), layer);
    ({ index } = await publishLayer(layer, { bucket, catalogue, turn: async () => {} }));
  }
  assert.ok(index);
  const objects = new Map<string, Buffer>();
  for await (const { key } of bucket.list('')) objects.set(key, await readObject(bucket, key));
  return { objects, index };
}

/** Where the files of a layer of this node are. */
export function layerFile(node: LadeNode, diffId: Digest, name: string): string {
  return join(node.root, 'layers', diffId.slice('sha256:'.length), name);
}
