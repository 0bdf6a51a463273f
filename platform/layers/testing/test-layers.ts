import { createCipheriv, hash } from 'node:crypto';
import { mkdir, mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBucket, type Bucket } from '@lade/bucket';
import { compressChunk } from '@lade/compression';
import { digestOf, type Digest } from '@lade/oci';
import { openDatabase, type Database } from '@lade/sqlite';
import { fromBytes } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding, type EncodableEntry } from '@lade/tar';
import { ChunkCatalogue } from '../chunk-catalogue.ts';
import { convertLayer } from '../convert.ts';
import { encodeIndexHead, type LayerIndex } from '../index-object.ts';
import { readMetadata } from '../metadata-image.ts';
import type { PublishContext } from '../publish-layer.ts';

/** A file given by its content; everything else as an archive entry. */
export type TestEntry = EncodableEntry & { readonly content?: Uint8Array };

/** The layer tar of these entries. */
export function encodeTar(...entries: readonly TestEntry[]): Buffer {
  const blocks = entries.flatMap(({ content = new Uint8Array(), ...entry }) => [
    encodeTarEntry({ ...entry, sizeBytes: content.byteLength }),
    content,
    tarPadding(content.byteLength),
  ]);
  return Buffer.concat([...blocks, TAR_END]);
}

/** Bytes without any pattern, the same for the same seed. */
export function noise(seed: number, sizeBytes: number): Buffer {
  const key = hash('md5', String(seed), 'buffer');
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

/** Many small files, large ones, and everything that is not in the blob. */
export function variedTar(seed: number): Buffer {
  const small = Array.from({ length: 60 }, (_, i) => ({
    path: `small/${seed}-${i}`,
    kind: 'file' as const,
    content: noise(seed * 1000 + i, 300 + i * 97),
  }));
  return encodeTar(
    { path: 'usr/', kind: 'directory', mode: 0o755 },
    { path: 'usr/large', kind: 'file', mode: 0o4755, content: noise(seed, 900_001) },
    { path: 'usr/again', kind: 'hard-link', linkPath: 'usr/large' },
    { path: 'usr/link', kind: 'symlink', linkPath: '/usr/large' },
    { path: 'usr/zeros', kind: 'file', content: Buffer.alloc(600_000) },
    ...small,
    { path: 'implied/\xe9\xff', kind: 'file', content: Buffer.from('not UTF-8') },
    { path: 'gone/.wh.file', kind: 'file' },
  );
}

/** A node with a folder and a database of its own, in front of a bucket. */
export interface TestNode extends AsyncDisposable {
  readonly folder: string;
  readonly db: Database;
  readonly bucket: Bucket;
  readonly context: PublishContext;
  /** Converts a layer into a folder of its own. */
  convert(tar: Uint8Array): Promise<{ readonly folder: string; readonly diffId: Digest }>;
}

export async function openTestNode(bucket?: Bucket): Promise<TestNode> {
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-layers-')));
  const db = stack.adopt(openDatabase(join(folder, 'state.db')), (it) => it.close());
  const ours = bucket ?? stack.use(await openBucket('memory:'));
  const context = { bucket: ours, catalogue: new ChunkCatalogue(db), turn: async () => {} };
  const owned = stack.move();
  let layers = 0;
  return {
    folder,
    db,
    bucket: ours,
    context,
    async convert(tar) {
      const layer = join(folder, String(++layers));
      await mkdir(layer);
      const { diffId } = await convertLayer(fromBytes(tar), layer);
      if (diffId !== digestOf(tar)) throw new RangeError(`converted to ${diffId}`);
      return { folder: layer, diffId };
    },
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/** `bucket`, but every put goes through `before` first, which may throw. */
export function watchPuts(bucket: Bucket, before: (key: string) => void): Bucket {
  return new Proxy(bucket, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (name !== 'put') return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      return async (...args: Parameters<Bucket['put']>) => {
        before(args[0]);
        return target.put(...args);
      };
    },
  });
}

/** Keys of everything in the bucket. */
export async function keysOf(bucket: Bucket): Promise<string[]> {
  return (await Array.fromAsync(bucket.list(''))).map(({ key }) => key);
}

/** The raw metadata image of an index. */
export async function metadataOf(index: LayerIndex): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(readMetadata(index)));
}

/** The head of `index` with another metadata image, of which the header says `sizeBytes`. */
export async function withMetadata(
  index: LayerIndex,
  image: Uint8Array,
  sizeBytes = image.byteLength,
): Promise<Uint8Array> {
  const storedMetadata = await compressChunk(image);
  return encodeIndexHead({ ...index.header, ...index, storedMetadata, metadataBytes: sizeBytes }).head;
}

/** An image that lacks 64 bytes in its middle, as if two pieces of it did not join. */
export function shifted(image: Buffer): Buffer {
  const middle = image.length >> 1;
  return Buffer.concat([image.subarray(0, middle - 64), image.subarray(middle)]);
}

/** Replaces an object by what `change` makes of its bytes. */
export async function tamper(
  bucket: Bucket,
  key: string,
  change: (bytes: Buffer) => Uint8Array,
): Promise<void> {
  const { body } = await bucket.get(key);
  const bytes = Buffer.concat(await Array.fromAsync(body));
  await bucket.put(key, change(bytes));
}

export function flipBit(at: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    const flipped = Buffer.from(bytes);
    const index = at < 0 ? flipped.length + at : at;
    flipped[index] = (flipped[index] ?? 0) ^ 0x10;
    return flipped;
  };
}
