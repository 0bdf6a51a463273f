import assert from 'node:assert/strict';
import { access, link, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LayerSummary } from '@lade/control-protocol';
import { mount } from '@lade/linux';
import { startOrigin, type Origin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { DaemonProcess } from '../apps/tour/daemon-process.ts';
import { gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import { noise } from './noise.ts';
import { assertNodeEmpty, clearNode } from './node-state.ts';
import { Testbed, needsRoot } from './testbed.ts';

/*
 * A machine that is not as it should be: a full disk, a root that cannot be written, another daemon or something else
 * where the daemon wants to be. Each time it says what is wrong and what to do, and goes on when that was done.
 */
const DISK_BYTES = 24 << 20;

interface Site extends AsyncDisposable {
  readonly bed: Testbed;
  readonly node: LadeNode;
  pull(name: string): Promise<void>;
}

/** A node, and a registry with images of one layer, of which "large" fits on no small disk. */
async function openSite(t: Parameters<typeof Testbed.open>[0]): Promise<Site> {
  await using stack = new AsyncDisposableStack();
  const bed = stack.use(await Testbed.open(t));
  const layout = await bed.makeFolder('layout');
  await writeLayout(layout, {
    'small:latest': [gzipLayer(soundTar(1, 500_000))],
    'medium:latest': [gzipLayer(soundTar(2, 4_000_000))],
    'other:latest': [gzipLayer(soundTar(4, 4_000_000))],
    'large:latest': [gzipLayer(soundTar(3, 60_000_000))],
  });
  const origin: Origin = stack.use(await startOrigin([layout]));
  const node = await bed.node('node', await bed.bucket('directory'), '2.1');
  const owned = stack.move();
  return {
    bed,
    node,
    pull: async (name) => node.containerd.pull(`${origin.address}/${name}:latest`, { snapshotter: 'lade' }),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/** The node's root on a file system of its own from here on. */
async function moveRoot({ node }: Site, ...options: readonly string[]): Promise<void> {
  await node.stopDaemon();
  await mount({ type: 'tmpfs', source: 'lade-test', target: node.root, options });
}

test('a full disk', needsRoot, async (t) => {
  await using site = await openSite(t);
  const { node } = site;
  await moveRoot(site, `size=${DISK_BYTES}`);
  await node.startDaemon();
  const filler = join(node.root, 'filler');

  await t.test(
    'a layer that does not fit is refused with the reason, and leaves all the room that there was',
    async () => {
      await assert.rejects(site.pull('large'), /Cannot convert layer sha256:.*ENOSPC.*Free space/);
      await clearNode(node);
      await assertNodeEmpty(node);
      await site.pull('medium');
      await node.uploaded();
      await clearNode(node);
    },
  );

  await t.test(
    'on a disk without any room a pull fails with the reason, the daemon lives, and goes on when there is some',
    async () => {
      await fill(filler);
      await assert.rejects(site.pull('small'), /ENOSPC|disk is full/);
      await node.ladeOrThrow('status');
      await rm(filler);
      await site.pull('small');
      await node.uploaded();
    },
  );

  await t.test(
    'a daemon that cannot start for want of room says so, and has lost nothing when there is some',
    async () => {
      await clearNode(node);
      await site.pull('other');
      await node.stopDaemon();
      await fill(filler);
      await assert.rejects(node.startDaemon(), /(ENOSPC|disk is full)(.|\n)*→ .*(space|df)/);
      await rm(filler);
      await node.startDaemon();
      await node.uploaded();
      const layers = JSON.parse(await node.ladeOrThrow('layers', '--json')) as LayerSummary[];
      assert.deepEqual(
        layers.map(({ uploaded }) => uploaded),
        [true],
      );
    },
  );
});

/** Writes until nothing more fits. */
async function fill(path: string): Promise<void> {
  for (let size = 1 << 20; size >= 512; size >>= 1) {
    for (let i = 0; ; i++) {
      const written = await writeFile(path, noise('filler', size), { flag: 'a' }).catch(() => 'full');
      if (written === 'full') break;
    }
  }
}

test('a root that cannot be written', needsRoot, async (t) => {
  await using site = await openSite(t);
  const { node } = site;
  await moveRoot(site, 'ro');
  await assert.rejects(
    node.startDaemon(),
    new RegExp(`Cannot use root ${node.root}.*EROFS(.|\n)*→ .*--root`),
  );
  await mount({ type: 'tmpfs', source: 'lade-test', target: node.root, options: ['remount', 'rw'] });
  await node.startDaemon();
  await site.pull('small');
  await node.uploaded();
});

test('a place that is taken', needsRoot, async (t) => {
  await using site = await openSite(t);
  const { bed, node } = site;
  const other = {
    root: join(bed.folder, 'other'),
    address: join(bed.folder, 'other.sock'),
    bucketUrl: await bed.bucket('directory'),
    containerd: node.containerd.address,
    logFile: join(bed.folder, 'other.log'),
  };
  const refuses = async (options: Partial<typeof other>, message: RegExp): Promise<void> =>
    assert.rejects(DaemonProcess.start({ ...other, ...options }), message);

  await t.test('a second daemon on the same root names the first one', async () => {
    await refuses(
      { root: node.root },
      /Cannot lock .*\/lock: held by another process \(process \d+\)(.|\n)*→ Stop/,
    );
  });

  await t.test('a second daemon on the same socket leaves it to the first one', async () => {
    await refuses({ address: node.address }, /Cannot listen on .*: another process serves it(.|\n)*→ Stop/);
    await site.pull('small');
  });

  await t.test('a file where the socket belongs is not touched', async () => {
    await writeFile(other.address, 'precious');
    await refuses({}, /Cannot listen on .*: it is no socket(.|\n)*→ .*another --address/);
    await access(other.address);
    await rm(other.address);
  });

  await t.test('a folder that cannot be made is named', async () => {
    await writeFile(join(bed.folder, 'file'), '');
    await refuses({ root: join(bed.folder, 'file/root') }, /Cannot use root .*file\/root(.|\n)*→ .*--root/);
    await refuses(
      { address: join(bed.folder, 'file/lade.sock') },
      /Cannot listen on .*file\/lade.sock(.|\n)*→ .*--address/,
    );
  });

  await t.test('a socket that nobody serves any more is replaced', async () => {
    await leaveSocket(other.address);
    await using _ = await DaemonProcess.start(other);
  });

  await t.test('what was refused has left nothing', async () => {
    assert.deepEqual(await readdir(join(other.root, 'layers')), []);
    await site.pull('medium');
    await node.uploaded();
  });
});

/** A socket file as a killed process leaves it. */
async function leaveSocket(path: string): Promise<void> {
  const server: Server = createServer().listen(`${path}.live`);
  await once(server, 'listening');
  await link(`${path}.live`, path);
  server.close();
  await once(server, 'close');
}
