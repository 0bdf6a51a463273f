import assert from 'node:assert/strict';
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import { packKey, readLocalIndex, type LayerIndex } from '@lade/layers';
import { fromBytes } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding } from '@lade/tar';
import { fillBlob, type FillResult, type LocalChunks } from './fill-blob.ts';
import { noise, openTestNode, watchGets } from './testing/test-node.ts';

const NOTHING: LocalChunks = { find: () => undefined };
const CONTENT = Buffer.concat([noise(1, 3_000_000), Buffer.alloc(2 << 20), noise(2, 700_001)]);

interface Published extends AsyncDisposable {
  readonly bucket: Bucket;
  readonly index: LayerIndex;
  /** The blob as it was converted. */
  readonly original: string;
  /** Where to fill to. */
  readonly target: string;
  refill(options?: { bucket?: Bucket; localChunks?: LocalChunks; signal?: AbortSignal }): Promise<FillResult>;
}

/** A layer with one large file, in a bucket. */
async function publish(): Promise<Published> {
  await using stack = new AsyncDisposableStack();
  const bucket = stack.use(await openBucket('memory:'));
  const node = stack.use(await openTestNode(bucket));
  const header = encodeTarEntry({ path: 'f', kind: 'file', sizeBytes: CONTENT.length });
  const tar = Buffer.concat([header, CONTENT, tarPadding(CONTENT.length), TAR_END]);
  const { diffId } = stack.use(await node.layers.convert(fromBytes(tar), {}));
  await node.publish(diffId);
  const folder = node.layers.folderOf(diffId);
  const index = await readLocalIndex(folder);
  const target = join(node.root, 'filled');
  const owned = stack.move();
  return {
    bucket,
    index,
    target,
    original: join(folder, 'blob'),
    refill: (options = {}) =>
      fillBlob({ index, folder }, target, { bucket, localChunks: NOTHING, ...options }),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

const packOf = ({ packs }: LayerIndex): string => packKey(packs[0]?.digest ?? 'sha256:');

test('a blob comes from the bucket in few reads, with holes for its zeros', async () => {
  await using layer = await publish();
  const result = await layer.refill();
  assert.ok((await readFile(layer.target)).equals(await readFile(layer.original)));
  assert.ok(result.requests <= 3, `${result.requests} requests`);
  assert.ok(result.fetchedBytes > 3_700_000 && result.copiedBytes === 0);
  assert.ok((await stat(layer.target)).blocks * 512 < 4_000_000);
});

test('chunks that another blob of the node has are copied, if they are what they should be', async () => {
  await using layer = await publish();
  let lookups = 0;
  const places = new Map<string, number>();
  let offset = 0;
  for (const { hash, rawBytes } of layer.index.chunks) {
    places.set(Buffer.from(hash).toString('hex'), offset);
    offset += rawBytes;
  }
  const copyFrom = (path: string): LocalChunks => ({
    find: (hash) => {
      lookups++;
      return { path, offset: places.get(Buffer.from(hash).toString('hex')) ?? 0 };
    },
  });
  const noRequest = watchGets(layer.bucket, () => assert.fail('asked the bucket'));
  const copied = await layer.refill({ bucket: noRequest, localChunks: copyFrom(layer.original) });
  assert.equal(copied.fetchedBytes, 0);
  assert.ok(lookups > 10 && copied.copiedBytes > 3_700_000);
  assert.ok((await readFile(layer.target)).equals(await readFile(layer.original)));
  const stale = join(layer.target, '../stale');
  const bytes = await readFile(layer.original);
  bytes.fill(1, 0, 300_000);
  await writeFile(stale, bytes);
  await truncate(stale, 2_900_000);
  const result = await layer.refill({ localChunks: copyFrom(stale) });
  assert.ok(result.copiedBytes > 2_000_000 && result.fetchedBytes > 1_000_000);
  assert.ok((await readFile(layer.target)).equals(await readFile(layer.original)));
  assert.equal((await layer.refill({ localChunks: copyFrom('/nowhere/at/all') })).copiedBytes, 0);
});

test('a read that fails is repeated; a pack that is gone is not asked for again', async () => {
  await using layer = await publish();
  let failures = 2;
  const flaky = watchGets(layer.bucket, () => {
    if (failures-- > 0) throw new CodedError('unavailable', 'Cannot reach the bucket');
  });
  await layer.refill({ bucket: flaky });
  assert.ok((await readFile(layer.target)).equals(await readFile(layer.original)));
  await layer.bucket.delete([packOf(layer.index)]);
  let gets = 0;
  const counting = watchGets(layer.bucket, () => gets++);
  await assert.rejects(layer.refill({ bucket: counting }), (e) => isCodedError(e, 'not_found'));
  assert.ok(gets <= 3, `${gets} reads`);
});

test('a damaged chunk is never written: the fill fails, naming pack and chunk', async () => {
  await using layer = await publish();
  const pack = packOf(layer.index);
  const bytes = Buffer.concat(await Array.fromAsync((await layer.bucket.get(pack)).body));
  bytes[100_000] = (bytes[100_000] ?? 0) ^ 1;
  await layer.bucket.put(pack, bytes);
  const [first] = layer.index.chunks;
  assert.ok(first);
  await assert.rejects(layer.refill(), (e) => {
    assert.ok(isCodedError(e, 'data_loss'));
    assert.ok(e.message.includes(pack) && e.message.includes(Buffer.from(first.hash).toString('hex')));
    return e.cure !== undefined;
  });
  const filled = await readFile(layer.target);
  assert.ok(filled.subarray(0, first.rawBytes).every((byte) => byte === 0));
  await layer.bucket.put(pack, bytes.subarray(0, 500_000));
  await assert.rejects(layer.refill(), (e) => e instanceof Error && e.message.includes(pack));
});

test('a fill stops when its caller goes', async () => {
  await using layer = await publish();
  const stop = new AbortController();
  const bucket = watchGets(layer.bucket, () => stop.abort(new Error('gone')));
  await assert.rejects(layer.refill({ bucket, signal: stop.signal }), /gone/);
});
