import { createCipheriv, hash } from 'node:crypto';
import { mkdir, mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBucket, type Bucket } from '@lade/bucket';
import { publishImage } from '@lade/images';
import {
  ChunkCatalogue,
  NO_CHAIN_KEYS,
  chainKey,
  convertLayer,
  indexKey,
  publishChain,
  publishLayer,
  readChainRecord,
  readRecordedIndex,
} from '@lade/layers';
import { SILENT } from '@lade/log';
import { MEDIA_TYPES, chainIds, digestOf, type Digest } from '@lade/oci';
import { openDatabase } from '@lade/sqlite';
import { fromBytes } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding } from '@lade/tar';
import { NodeUses } from '../node-uses.ts';
import { beginReuse } from '../reuse.ts';
import { ageBucket, type AgingBucket } from './aging-bucket.ts';

/** Each is a chunk of its own. */
const FILE_BYTES = 256 << 10;

export interface TestImage {
  readonly name: string;
  readonly tars: readonly Buffer[];
  readonly diffIds: readonly Digest[];
  readonly chains: readonly Digest[];
}

/** An image of layers that consist of files by number; the same file is the same chunk everywhere. */
export function makeImage(name: string, ...layers: readonly (readonly number[])[]): TestImage {
  const tars = layers.map(makeTar);
  const diffIds = tars.map((tar) => digestOf(tar));
  return { name, tars, diffIds, chains: chainIds(diffIds) };
}

function makeTar(files: readonly number[]): Buffer {
  const parts = files.flatMap((file) => [
    encodeTarEntry({ path: `f${file}`, kind: 'file', sizeBytes: FILE_BYTES }),
    noise(file),
    tarPadding(FILE_BYTES),
  ]);
  return Buffer.concat([...parts, TAR_END]);
}

function noise(seed: number): Buffer {
  const key = hash('md5', String(seed), 'buffer');
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(FILE_BYTES));
}

/** A node, as far as it publishes and uses what is in the bucket; what it does is what the daemon does. */
export class GarbageNode implements AsyncDisposable {
  readonly #folder: string;
  readonly #catalogue: ChunkCatalogue;
  readonly #uses: NodeUses;
  readonly #owned: AsyncDisposableStack;
  readonly #now: () => number;
  /** Chains that containers run on. */
  readonly held = new Set<Digest>();
  #layers = 0;

  private constructor(
    {
      folder,
      catalogue,
      now,
    }: { readonly folder: string; readonly catalogue: ChunkCatalogue; readonly now: () => number },
    uses: (node: GarbageNode) => NodeUses,
    owned: AsyncDisposableStack,
  ) {
    this.#folder = folder;
    this.#catalogue = catalogue;
    this.#uses = uses(this);
    this.#owned = owned;
    this.#now = now;
  }

  static async open(name: string, world: AgingBucket): Promise<GarbageNode> {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-garbage-')));
    const db = stack.adopt(openDatabase(join(path, 'state.db')), (it) => it.close());
    const options = { bucket: world.seenBy(), node: name, log: SILENT, now: world.now };
    const uses = (node: GarbageNode): NodeUses =>
      new NodeUses({ ...options, current: () => [...node.held].map(chainKey) });
    return new GarbageNode(
      { folder: path, catalogue: new ChunkCatalogue(db), now: world.now },
      uses,
      stack.move(),
    );
  }

  /** Throws `aborted` when it has to be done once more. */
  async publish(image: TestImage, bucket: Bucket): Promise<void> {
    await (
      await this.convert(image)
    )(bucket);
  }

  /** Converts an image; what it returns publishes it. */
  async convert(image: TestImage): Promise<(bucket: Bucket) => Promise<void>> {
    const folders: string[] = [];
    for (const tar of image.tars) {
      const folder = join(this.#folder, String(++this.#layers));
      await mkdir(folder);
      await convertLayer(fromBytes(tar), folder, {});
      folders.push(folder);
    }
    return async (bucket) => {
      for (const [i, folder] of folders.entries()) await this.#publishLayer(image, i, folder, bucket);
      const { confirm } = await beginReuse(bucket, {}, this.#now);
      for (const chain of image.chains) await bucket.head(chainKey(chain));
      const { target, content } = describeImage(image);
      await publishImage({ name: image.name, target }, { content, bucket });
      await confirm();
    };
  }

  /** Begins to run containers on a chain, as `lade pull` does; false where the bucket does not have it. */
  async use(chain: Digest, bucket: Bucket): Promise<boolean> {
    for (const _ of [1, 2]) {
      const claiming = this.#uses.claim([chainKey(chain)]);
      const finding = find(chain, bucket);
      const [isOurs, isThere] = await Promise.all([claiming, finding]);
      if (isOurs && isThere) this.held.add(chain);
      if (isOurs) return isThere;
    }
    return false;
  }

  async renew(): Promise<void> {
    await this.#uses.renew();
  }

  async #publishLayer(image: TestImage, i: number, folder: string, bucket: Bucket): Promise<void> {
    const [diffId, chain] = [image.diffIds[i] as Digest, image.chains[i] as Digest];
    await this.#uses.claim([chainKey(chain), indexKey(diffId)]);
    const { confirm } = await beginReuse(bucket, {}, this.#now);
    const context = { bucket, catalogue: this.#catalogue, turn: async () => {}, confirm };
    const { index } = await publishLayer(folder, { diffId, ...context });
    const parent = image.chains[i - 1];
    const record = { parent, diffId, index: index.digest, indexHeadBytes: index.head.byteLength };
    await publishChain(bucket, chain, record, { keys: NO_CHAIN_KEYS });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#uses[Symbol.asyncDispose]();
    await this.#owned.disposeAsync();
  }
}

async function find(chain: Digest, bucket: Bucket): Promise<boolean> {
  const record = await readChainRecord(bucket, chain, NO_CHAIN_KEYS);
  if (!record) return false;
  await readRecordedIndex(bucket, record);
  return true;
}

function describeImage({ diffIds }: TestImage): {
  readonly target: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
  readonly content: { read(digest: Digest): Promise<Uint8Array | undefined> };
} {
  const config = json({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: diffIds } });
  const layers = diffIds.map((digest) => ({ mediaType: MEDIA_TYPES.layer, digest, size: 1 }));
  const manifest = json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: descriptorOf(config, MEDIA_TYPES.config),
    layers,
  });
  const blobs = new Map([config, manifest].map((bytes) => [digestOf(bytes), bytes]));
  return {
    target: descriptorOf(manifest, MEDIA_TYPES.manifest),
    content: { read: async (digest) => blobs.get(digest) },
  };
}

function descriptorOf(
  bytes: Uint8Array,
  mediaType: string,
): { mediaType: string; digest: Digest; size: number } {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

function json(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** A bucket that grows old, and nodes. */
export interface World extends AsyncDisposable {
  /** As it is. */
  readonly bucket: Bucket;
  readonly aging: AgingBucket;
  readonly nodes: readonly GarbageNode[];
}

export async function openWorld(nodes: number, random: () => number = Math.random): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const bucket = stack.use(await openBucket('memory:'));
  const aging = ageBucket(bucket, random);
  const opened: GarbageNode[] = [];
  for (let n = 1; n <= nodes; n++) opened.push(stack.use(await GarbageNode.open(`node-${n}`, aging)));
  const owned = stack.move();
  return { bucket, aging, nodes: opened, [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}
