import { hash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openBucket } from '@lade/bucket';
import { ChunkCatalogue, NO_CHAIN_KEYS, convertLayer, publishChain, publishLayer } from '@lade/layers';
import { chainId, digestOf, type Digest } from '@lade/oci';
import { openDatabase } from '@lade/sqlite';
import { fromBytes } from '@lade/streams';
import { encodeTar, type FileEntry } from './broken-layers.ts';
import { noise } from './noise.ts';

/** A layer of the bucket, on top of nothing. */
export interface PublishedTree {
  readonly chain: Digest;
  /** What its files are: path → SHA-256. */
  readonly files: ReadonlyMap<string, string>;
  readonly bytes: number;
}

/** Puts trees of large, middle-sized and many small files into a bucket, no two with a byte in common; works in `folder`. */
export async function publishTrees(
  bucketUrl: string,
  folder: string,
  count: number,
): Promise<readonly PublishedTree[]> {
  await mkdir(folder);
  await using stack = new AsyncDisposableStack();
  const bucket = stack.use(await openBucket(bucketUrl));
  const db = stack.adopt(openDatabase(join(folder, 'state.db')), (it) => it.close());
  const catalogue = new ChunkCatalogue(db);
  const trees: PublishedTree[] = [];
  for (let n = 0; n < count; n++) {
    const files = createFiles(n);
    const tar = encodeTar(...files);
    const layer = join(folder, String(n));
    await mkdir(layer);
    await convertLayer(fromBytes(tar), layer);
    const { index } = await publishLayer(layer, { bucket, catalogue, turn: async () => {} });
    const diffId = digestOf(tar);
    const chain = chainId(undefined, diffId);
    const record = { parent: undefined, diffId, index: index.digest, indexHeadBytes: index.head.byteLength };
    await publishChain(bucket, chain, record, { keys: NO_CHAIN_KEYS });
    trees.push({
      chain,
      files: new Map(files.map(({ path, content }) => [path, hash('sha256', content)])),
      bytes: files.reduce((sum, { content }) => sum + content.byteLength, 0),
    });
  }
  return trees;
}

type TreeFile = FileEntry & { readonly content: Uint8Array };

function createFiles(tree: number): readonly TreeFile[] {
  const file = (path: string, content: Uint8Array): TreeFile => ({ path, kind: 'file', content });
  const sized = (path: string, sizeBytes: number): TreeFile =>
    file(path, noise(`${tree} ${path}`, sizeBytes));
  return [
    sized('usr/large', 4_300_001),
    file('usr/zeros', Buffer.alloc(1_100_000)),
    ...Array.from({ length: 4 }, (_, n) => sized(`usr/middle-${n}`, 300_000 + n * 100_000)),
    ...Array.from({ length: 120 }, (_, n) => sized(`etc/${n % 7}/small-${n}`, (n * 977) % 25_000)),
  ];
}
