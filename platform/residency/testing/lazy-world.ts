import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBucket, type Bucket } from '@lade/bucket';
import { readLocalIndex, type LayerIndex } from '@lade/layers';
import { fromBytes } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding } from '@lade/tar';
import { FakeKernel } from './fake-kernel.ts';
import { faultyBucket, type FaultyBucket } from './faulty-bucket.ts';
import { CONTENT } from './published-layer.ts';
import { openTestNode, type TestNode, type TestNodeOptions } from './test-node.ts';

export interface WorldLayer {
  readonly index: LayerIndex;
  /** Its blob as it should be. */
  readonly blob: Buffer;
}

/** Published layers of one file each, and a node with a lazy mode that has never heard of them. */
export interface LazyWorld extends AsyncDisposable {
  readonly bucket: FaultyBucket;
  readonly layers: readonly [WorldLayer, ...WorldLayer[]];
  readonly kernel: FakeKernel;
  readonly node: TestNode;
}

export async function openLazyWorld(
  options: Omit<TestNodeOptions, 'files'> & { readonly contents?: readonly Buffer[] },
): Promise<LazyWorld> {
  const { contents = [CONTENT], backgroundBytesPerSecond = 0, cache, ...rest } = options;
  await using stack = new AsyncDisposableStack();
  const memory: Bucket = stack.use(await openBucket('memory:'));
  const publisher = stack.use(await openTestNode(memory));
  const layers: WorldLayer[] = [];
  for (const content of contents) {
    const header = encodeTarEntry({ path: 'f', kind: 'file', sizeBytes: content.length });
    const tar = Buffer.concat([header, content, tarPadding(content.length), TAR_END]);
    const { diffId } = stack.use(await publisher.layers.convert(fromBytes(tar), {}));
    await publisher.publish(diffId);
    const folder = publisher.layers.folderOf(diffId);
    layers.push({ index: await readLocalIndex(folder), blob: await readFile(join(folder, 'blob')) });
  }
  const bucket = faultyBucket(memory);
  const kernel = new FakeKernel();
  const node = stack.use(
    await openTestNode(bucket, {
      files: kernel,
      backgroundBytesPerSecond,
      ...(cache ? { cache } : {}),
      ...rest,
    }),
  );
  const owned = stack.move();
  return {
    bucket,
    layers: layers as unknown as LazyWorld['layers'],
    kernel,
    node,
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}
