import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { punchHole } from '@lade/linux';
import { fromBytes } from '@lade/streams';
import { TAR_END, encodeTarEntry } from '@lade/tar';
import { allocatedBytes } from './allocated-bytes.ts';
import { openLazyWorld, type LazyWorld } from './testing/lazy-world.ts';
import { noise } from './testing/test-node.ts';

const MIB = 1 << 20;
const CONTENTS = [noise(11, 6 * MIB), noise(12, 6 * MIB), noise(13, 6 * MIB)];
const cache = { limitBytes: 8 * MIB, punchHole };

/** Fetches and mounts the layer of that place, whose number is one more. */
async function mountLayer(world: LazyWorld, at: number): Promise<string> {
  const { index } = world.layers[at] ?? world.layers[0];
  using layer = await world.node.layers.fetch(index, {});
  await world.node.layers.mount(layer.diffId);
  return world.node.layers.folderOf(layer.diffId);
}

async function readAll(
  world: LazyWorld,
  at: number,
  check: () => Promise<void> = async () => {},
): Promise<void> {
  const { blob } = world.layers[at] ?? world.layers[0];
  for (let offset = 0; offset < blob.length; offset += 128 << 10) {
    const bytes = await world.kernel.read(at + 1, offset, 128 << 10);
    assert.ok(bytes.equals(blob.subarray(offset, offset + (128 << 10))), `layer ${at} is wrong at ${offset}`);
    await check();
  }
}

test('three times as much is read through the cache as it holds, and it never passes its limit', async () => {
  await using world = await openLazyWorld({ contents: CONTENTS, cache });
  const folders = [await mountLayer(world, 0), await mountLayer(world, 1), await mountLayer(world, 2)];
  const sizes = async (): Promise<number[]> =>
    Promise.all(folders.map(async (folder) => allocatedBytes(folder)));
  const check = async (): Promise<void> => {
    // While chunks go from one folder and come into another, a sum of what was seen at different times is no size of the cache.
    let [before, now] = [await sizes(), await sizes()];
    while (before.join() !== now.join()) [before, now] = [now, await sizes()];
    const bytes = now.reduce((sum, size) => sum + size, 0);
    assert.ok(bytes <= cache.limitBytes, `${bytes} bytes`);
  };
  for (const at of [0, 1, 2, 0, 2, 1]) await readAll(world, at, check);
  await Promise.all([readAll(world, 0), readAll(world, 1), readAll(world, 2)]);
  assert.ok(world.node.residency.counters.evictedBytes > 10 * MIB);
});

test('layers that nothing has mounted go first, the one used longest ago before others', async () => {
  await using world = await openLazyWorld({ contents: CONTENTS, cache: { ...cache, limitBytes: 14 * MIB } });
  const folders = [await mountLayer(world, 0), await mountLayer(world, 1)];
  await readAll(world, 0);
  await readAll(world, 1);
  await world.node.mode()[Symbol.asyncDispose]();
  world.node.mounter.mounted.clear();
  await world.node.reopen();
  await mountLayer(world, 2);
  await readAll(world, 2);
  const [first, second] = await Promise.all(folders.map(async (folder) => allocatedBytes(folder)));
  assert.ok((first ?? 0) < MIB && (second ?? 0) > 5 * MIB, `${first} ${second}`);
  const [row] = world.node.layers.list();
  assert.equal(row?.diskBytes, first);
});

test('what the bucket does not have is never evicted, and readers go on', async () => {
  await using world = await openLazyWorld({ contents: CONTENTS, cache: { ...cache, limitBytes: 2 * MIB } });
  const header = encodeTarEntry({ path: 'f', kind: 'file', sizeBytes: 4 * MIB });
  const tar = Buffer.concat([header, noise(20, 4 * MIB), TAR_END]);
  using converted = await world.node.layers.convert(fromBytes(tar), {});
  const path = join(world.node.layers.folderOf(converted.diffId), 'blob');
  const before = await readFile(path);
  await world.node.layers.mount(converted.diffId);
  const { index, blob } = world.layers[0];
  using fetched = await world.node.layers.fetch(index, {});
  await world.node.layers.mount(fetched.diffId);
  for (let at = 0; at < blob.length; at += 65_536)
    assert.ok((await world.kernel.read(2, at, 65_536)).equals(blob.subarray(at, at + 65_536)));
  assert.ok((await readFile(path)).equals(before));
});

test('a reader that was allowed before a watch sees the bytes, whenever in the watch it reads', async () => {
  await using world = await openLazyWorld({ contents: CONTENTS, cache });
  await mountLayer(world, 0);
  await mountLayer(world, 1);
  await readAll(world, 0);
  const { blob } = world.layers[0];
  let watches = 0;
  world.kernel.drained = async () => {
    if (++watches > 2) return;
    for (let at = 0; at < blob.length; at += MIB)
      assert.ok((await world.kernel.readAllowed(1, at, 4096)).equals(blob.subarray(at, at + 4096)));
  };
  await readAll(world, 1);
  assert.ok(watches >= 2);
});

test('a mounted layer of which nothing may go does not keep the others from being evicted', async () => {
  const limitBytes = 23 * MIB;
  await using world = await openLazyWorld({ contents: CONTENTS, cache: { ...cache, limitBytes } });
  const header = encodeTarEntry({ path: 'f', kind: 'file', sizeBytes: 6 * MIB });
  const tar = Buffer.concat([header, noise(21, 6 * MIB), TAR_END]);
  using converted = await world.node.layers.convert(fromBytes(tar), {});
  await world.node.layers.mount(converted.diffId);
  for (const at of [0, 1, 2]) await mountLayer(world, at);
  const folder = join(world.node.root, 'layers');
  for (const at of [0, 1, 2, 0, 1]) {
    const { blob } = world.layers[at] ?? world.layers[0];
    for (let offset = 0; offset < blob.length; offset += 65_536)
      assert.ok(
        (await world.kernel.read(at + 2, offset, 65_536)).equals(blob.subarray(offset, offset + 65_536)),
      );
    const sizes = await Promise.all(
      (await readdir(folder)).map(async (name) => allocatedBytes(join(folder, name))),
    );
    assert.ok(sizes.reduce((sum, size) => sum + size, 0) <= limitBytes);
  }
  assert.ok(world.node.residency.counters.evictedBytes > 0);
});

test('a limit that leaves no room to work in costs readers no wait for each chunk', async () => {
  await using world = await openLazyWorld({ contents: CONTENTS, cache: { ...cache, limitBytes: 1000 } });
  await mountLayer(world, 0);
  await mountLayer(world, 1);
  let watches = 0;
  world.kernel.drained = async () => void watches++;
  for (const at of [0, 1, 0]) await readAll(world, at);
  assert.ok(watches < 20, `${watches} waits`);
});
