import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { MEDIA_TYPES, chainIds, digestOf, type Digest } from '@lade/oci';
import { compareTrees, killProcessesOf, unmountBelow } from '@lade/sandbox';
import { DaemonProcess } from '@lade/tour/daemon-process';
import { encodeTar, gzipLayer, type FileEntry, type StoredLayer } from './broken-layers.ts';
import { compareWithUnpacked, mountView } from './snapshot-views.ts';
import { standInContainerd } from './stand-in-containerd.ts';
import { storeys } from './tall-image.ts';
import { Testbed, inSteps, listObjects, needsRoot, waitUntil } from './testbed.ts';
import { Unpacker, type UnpackedImage } from './unpacker.ts';

/*
 * containerd 2.2 and newer unpack the layers of an image side by side, when they are told to and the snapshotter can rebase. No
 * distribution has them yet: a client makes their calls.
 */
const LAYERS = 10;
/** Of the second image, the same as the first has. */
const SHARED = 7;
const BLOBS = new Map<Digest, Uint8Array>();
const STOREYS = storeys(LAYERS);
const IMAGE = imageOf(STOREYS);
const OTHER = imageOf([...STOREYS.slice(0, SHARED), ...storeys(3, 20)]);
/** The same layers on other chains. */
const REORDERED = imageOf([5, 3, 8].flatMap((i) => STOREYS.slice(i, i + 1)));

function imageOf(layers: readonly StoredLayer[]): UnpackedImage {
  return {
    layers: layers.map(({ blob }) => {
      const digest = digestOf(blob);
      BLOBS.set(digest, blob);
      return { mediaType: MEDIA_TYPES.layerGzip, digest, size: blob.byteLength };
    }),
    diffIds: layers.map(({ diffId }) => diffId),
  };
}

interface Site extends AsyncDisposable {
  readonly root: string;
  readonly unpacker: Unpacker;
  /** Lines of the daemon's log with this message. */
  count(message: string): Promise<number>;
  /** Kills the daemon, and starts another one. */
  restart(): Promise<void>;
}

interface SiteOptions {
  readonly version: string;
  readonly isSideBySide: boolean;
  /** Of the client that unpacks, if it is not containerd itself. */
  readonly clientVersion?: string;
  /** Of a containerd that unpacks instead of Lade. */
  readonly differ?: string;
}

/** A Lade daemon whose containerd says that it is of this version. */
async function openSite(folder: string, bucketUrl: string, options: SiteOptions): Promise<Site> {
  await mkdir(folder);
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => {
    await killProcessesOf(folder);
    await unmountBelow(folder);
    await rm(folder, { recursive: true });
  });
  const [root, address] = [join(folder, 'lade'), join(folder, 'lade.sock')];
  const [containerd, logFile] = [join(folder, 'containerd.sock'), join(folder, 'log')];
  const capabilities = options.isSideBySide ? ['remap-ids', 'rebase'] : ['remap-ids'];
  stack.use(await standInContainerd(containerd, { ...options, capabilities }));
  const flags = ['--record-starts', 'off', '--record-node', 'off'];
  const start = async (): Promise<DaemonProcess> =>
    DaemonProcess.start({ root, address, bucketUrl, containerd, logFile, flags });
  let daemon = await start();
  stack.defer(async () => daemon[Symbol.asyncDispose]());
  const fetch = async (layer: Digest): Promise<Uint8Array> => BLOBS.get(layer) ?? new Uint8Array();
  const { clientVersion: version = options.version } = options;
  const unpacker = stack.use(new Unpacker({ ...options, address, fetch, version }));
  const owned = stack.move();
  return {
    root,
    unpacker,
    async count(message) {
      const lines = (await readFile(logFile, 'utf8')).split('\n');
      return lines.filter((line) => line.includes(JSON.stringify(message))).length;
    },
    async restart() {
      await daemon.kill();
      daemon = await start();
    },
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/** What is different in the tree that another site has of the image. */
async function differences(
  left: Site,
  right: Site,
  { diffIds }: UnpackedImage,
  compare: (left: string, right: string) => Promise<string[]> = compareTrees,
): Promise<string[]> {
  const trees = [join(left.root, '../left'), join(right.root, '../right')] as const;
  const view = async ({ unpacker }: Site, target: string): Promise<AsyncDisposable> =>
    mountView(unpacker.snapshots, unpacker.nameOf(chainIds(diffIds).at(-1)), target);
  await using _left = await view(left, trees[0]);
  await using _right = await view(right, trees[1]);
  const names = await readdir(trees[0], { recursive: true });
  assert.ok(names.length > 3, names.join(' '));
  return await compare(...trees);
}

async function assertEmpty({ root, unpacker }: Site): Promise<void> {
  assert.deepEqual(await Array.fromAsync(unpacker.snapshots.list()), []);
  for (const folder of ['layers', 'mounts', 'fixes'])
    assert.deepEqual(await readdir(join(root, folder)), [], folder);
  const snapshots = await readdir(join(root, 'snapshots'));
  assert.deepEqual(
    snapshots.filter((name) => !name.startsWith('new-')),
    [],
  );
}

for (const version of ['2.2.7', '2.3.4', '2.4.0']) {
  test(`layers unpacked side by side, as containerd ${version} does`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const bucket = `file://${join(bed.folder, 'bucket')}`;
    const open = async (name: string, bucketUrl: string, isSideBySide = true): Promise<Site> =>
      openSite(join(bed.folder, name), bucketUrl, { version, isSideBySide });
    await using reference = await open('reference', `file://${join(bed.folder, 'other')}`, false);
    for (const image of [IMAGE, OTHER, REORDERED]) await reference.unpacker.unpack(image);

    await step('the first node converts and publishes each layer once, and has the same tree', async () => {
      await using first = await open('first', bucket);
      await first.unpacker.unpack(IMAGE);
      assert.equal(first.unpacker.fetched.length, LAYERS);
      assert.deepEqual(await differences(reference, first, IMAGE), []);
      await waitUntil('all is published', async () => (await first.count('layer published')) === LAYERS);
      assert.equal(await first.count('layer converted'), LAYERS);
    });

    await using second = await open('second', bucket);
    await step('an empty node downloads nothing, publishes nothing, and has the same tree', async () => {
      const before = await listObjects(bucket);
      await second.unpacker.unpack(IMAGE);
      assert.deepEqual(second.unpacker.fetched, []);
      assert.equal(second.unpacker.staged, version === '2.4.0' ? LAYERS - 1 : 0);
      assert.deepEqual(await differences(reference, second, IMAGE), []);
      assert.equal(await second.count('layer published'), 0);
      assert.deepEqual(await listObjects(bucket), before);
    });

    await step('an image on the same layers comes but for its own, and stands on them', async () => {
      await second.unpacker.unpack(OTHER);
      const own = OTHER.layers.slice(SHARED).map(({ digest }) => digest);
      assert.deepEqual(second.unpacker.fetched, own);
      assert.deepEqual(await differences(reference, second, OTHER), []);
      const published = async (): Promise<boolean> => (await second.count('layer published')) === own.length;
      await waitUntil('its own layers are published', published);
    });

    await step('layers that are here on other chains are not downloaded where labels name them', async () => {
      const [fetched, published] = [second.unpacker.fetched.length, await second.count('layer published')];
      await second.unpacker.unpack(REORDERED);
      assert.equal(second.unpacker.fetched.length - fetched, version === '2.2.7' ? 3 : 0);
      assert.deepEqual(await differences(reference, second, REORDERED), []);
      const chains = async (): Promise<number> => (await second.count('layer published')) - published;
      await waitUntil('its chains are published', async () => (await chains()) === REORDERED.layers.length);
    });

    await step('garbage collection leaves what an image has, and takes all of it in the end', async () => {
      await second.unpacker.collect([IMAGE, OTHER]);
      await second.unpacker.collect([OTHER]);
      for (const chain of chainIds(OTHER.diffIds)) assert.ok(second.unpacker.nameOf(chain));
      assert.deepEqual(await differences(reference, second, OTHER), []);
      await second.unpacker.unpack(IMAGE);
      assert.deepEqual(await differences(reference, second, IMAGE), []);
      await second.unpacker.collect([]);
      await assertEmpty(second);
    });

    await step('of a daemon killed before the commits nothing stays', async () => {
      await using killed = await open('killed', bucket);
      for (const i of IMAGE.layers.keys()) await killed.unpacker.prepare(IMAGE, i);
      await killed.restart();
      await killed.unpacker.collect([]);
      await assertEmpty(killed);
      await killed.unpacker.unpack(IMAGE);
      assert.deepEqual(killed.unpacker.fetched, []);
      assert.deepEqual(await differences(reference, killed, IMAGE), []);
    });
  });
}

test(
  'a client that is older than its containerd downloads what it need not, and gets the same tree',
  needsRoot,
  async (t) => {
    await using bed = await Testbed.open(t);
    const bucket = `file://${join(bed.folder, 'bucket')}`;
    const options = { version: '2.4.0', isSideBySide: true };
    await using first = await openSite(join(bed.folder, 'first'), bucket, options);
    await first.unpacker.unpack(IMAGE);
    await waitUntil('all is published', async () => (await first.count('layer published')) === LAYERS);
    const older = { ...options, clientVersion: '2.3.4' };
    await using second = await openSite(join(bed.folder, 'second'), bucket, older);
    await second.unpacker.unpack(IMAGE);
    assert.equal(second.unpacker.fetched.length, LAYERS - 1);
    assert.deepEqual(await differences(first, second, IMAGE), []);
    assert.equal(await second.count('layer published'), 0);
  },
);

/** Each names the directories that it changes. */
const CHANGES: readonly (readonly FileEntry[])[] = [
  [folder('kept/', 1), file('kept/one'), file('kept/two'), folder('replaced/', 2), file('replaced/old')],
  [folder('kept/', 3), file('kept/.wh.one'), folder('replaced/', 4), file('replaced/.wh..wh..opq')],
  [folder('replaced/', 5), file('replaced/new'), file('.wh.kept')],
  [folder('kept/', 6), file('kept/three')],
];

function folder(path: string, uid: number): FileEntry {
  return {
    path,
    kind: 'directory',
    mode: 0o2750,
    uid,
    modified: { seconds: 1_500_000_000, nanoseconds: uid },
  };
}

function file(path: string): FileEntry {
  return { path, kind: 'file', content: Buffer.from(path) };
}

test(
  'whiteouts that containerd itself unpacks side by side hide what is in the layers below',
  needsRoot,
  async (t) => {
    await using bed = await Testbed.open(t);
    const [bucketUrl, from] = [`file://${join(bed.folder, 'bucket')}`, new Date()];
    const { containerd } = await bed.node('containerd', `file://${join(bed.folder, 'unused')}`, '2.1');
    const walking = { differ: containerd.address };
    const image = imageOf(CHANGES.map((entries) => gzipLayer(encodeTar(...entries))));
    const versions = { version: '2.2.7', isSideBySide: true };
    await using converted = await openSite(join(bed.folder, 'converted'), bucketUrl, {
      ...versions,
      isSideBySide: false,
    });
    await converted.unpacker.unpack(image);
    for (const version of ['2.2.7', '2.4.0']) {
      const site = join(bed.folder, `files-${version}`);
      await using files = await openSite(site, `file://${site}-bucket`, { ...versions, version, ...walking });
      await files.unpacker.unpack(image);
      assert.equal(await files.count('layer converted'), 0);
      const different = await differences(files, converted, image, async (...trees) =>
        compareWithUnpacked(...trees, from),
      );
      assert.deepEqual(different, []);
    }
  },
);
