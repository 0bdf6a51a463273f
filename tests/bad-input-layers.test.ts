import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { MEDIA_TYPES, digestOf } from '@lade/oci';
import { startOrigin } from '@lade/sandbox';
import { encodeTarEntry } from '@lade/tar';
import type { LadeNode } from '@lade/tour';
import { encodeTar, gzipLayer, soundTar, writeLayout, type StoredLayer } from './broken-layers.ts';
import { assertNodeEmpty, clearNode } from './node-state.ts';
import { noise } from './noise.ts';
import { Testbed, listObjects, needsRoot } from './testbed.ts';

/*
 * Layers that no registry should have, pulled through a real containerd: each pull fails and says why, nothing of it
 * stays on the node or in the bucket, and the next pull works.
 */
const TAR = soundTar(1);
const GZIP = gzipSync(TAR, { level: 1 });
const ANY = digestOf('never compared');
const ZSTD_TYPE = `${MEDIA_TYPES.layer}+zstd`;
const MAX_LAYER = '64MiB';
const MAX_DAEMON_BYTES = 250e6;

interface BadLayer {
  readonly layer: StoredLayer;
  /** What the pull says. */
  readonly says: RegExp;
  /** How it names the layer, if not by its compressed digest. */
  readonly names?: RegExp;
}

const WRONG = gzipLayer(soundTar(2));
const CLAIMED = digestOf('something else');

/** Entries below links that lead out of the image: they belong inside all the same. */
const LINKS_OUT = gzipLayer(
  encodeTar(
    { path: 'absolute', kind: 'symlink', linkPath: '/etc' },
    { path: 'relative', kind: 'symlink', linkPath: '../../../../etc' },
    { path: 'absolute/lade-escape-1', kind: 'file' },
    { path: 'relative/lade-escape-2', kind: 'file' },
  ),
);

const BAD_LAYERS: Readonly<Record<string, BadLayer>> = {
  'gzip cut short': {
    layer: { blob: GZIP.subarray(0, -5000), diffId: ANY },
    says: /Cannot decompress gzip data/,
  },
  'gzip with a flipped bit': {
    layer: { blob: GZIP.with(GZIP.length >> 1, 0x5a ^ (GZIP.at(GZIP.length >> 1) ?? 0)), diffId: ANY },
    says: /Cannot decompress gzip data/,
  },
  'gzip with a wrong checksum': {
    layer: { blob: GZIP.with(GZIP.length - 6, 0x5a ^ (GZIP.at(-6) ?? 0)), diffId: ANY },
    says: /Cannot decompress gzip data.*incorrect data check/,
  },
  'zstd cut short': {
    layer: { blob: zstdCompressSync(TAR).subarray(0, -5000), diffId: ANY, mediaType: ZSTD_TYPE },
    says: /Cannot decompress zstd data/,
  },
  'tar cut short': {
    layer: { blob: gzipSync(TAR.subarray(0, 1_000_000)), diffId: ANY },
    says: /tar entry .*usr\/large-1.* the archive ends in the middle/,
  },
  'no tar at all': {
    layer: { blob: gzipSync(noise('x', 100_000)), diffId: ANY },
    says: /tar header at byte 0/,
  },
  'a path out of the root': {
    layer: gzipLayer(
      encodeTar({ path: '../../etc/passwd', kind: 'file', content: Buffer.from('root::0:0') }),
    ),
    says: /\.\.\/\.\.\/etc\/passwd.* it leads out of the image/,
  },
  'a hard link to nothing': {
    layer: gzipLayer(encodeTar({ path: 'link', kind: 'hard-link', linkPath: 'etc/shadow' })),
    says: /hard link to .*etc\/shadow.* which this layer does not have/,
  },
  'ten gigabytes of zeros': {
    layer: { blob: zerosLayer(10e9), diffId: ANY },
    says: /more than the allowed 67108864 bytes.*Raise/,
  },
  'other bytes than its diff id': {
    layer: { ...WRONG, diffId: CLAIMED },
    says: /wrong diff id calculated on extraction/,
    names: new RegExp(`${WRONG.diffId}|${CLAIMED}`),
  },
};

/** gzip members, one per 64 MiB of a file that has nothing but zeros. */
function zerosLayer(sizeBytes: number): Buffer {
  const header = gzipSync(encodeTarEntry({ path: 'zeros', kind: 'file', sizeBytes }));
  const member = gzipSync(Buffer.alloc(64 << 20));
  return Buffer.concat([header, ...Array.from({ length: Math.ceil(sizeBytes / (64 << 20)) }, () => member)]);
}

for (const version of ['1.7', '2.1'] as const) {
  test(`layers that are not what they should be, containerd ${version}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const layout = await bed.makeFolder('layout');
    const sound = gzipLayer(TAR);
    const nameOf = (what: string): string => `${what.replaceAll(' ', '-')}:latest`;
    const bad = Object.entries(BAD_LAYERS).map(
      ([what, { layer }]) => [nameOf(what), [sound, layer]] as const,
    );
    await writeLayout(layout, { 'good:latest': [sound, LINKS_OUT], ...Object.fromEntries(bad) });
    await using origin = await startOrigin([layout]);
    const node = await bed.node('node', await bed.bucket('directory'), version);
    await node.stopDaemon();
    await node.startDaemon({ flags: ['--max-layer-size', MAX_LAYER] });
    const pull = async (name: string): Promise<void> =>
      node.containerd.pull(`${origin.address}/${name}`, { snapshotter: 'lade' });

    for (const [what, { layer, says, names = new RegExp(digestOf(layer.blob)) }] of Object.entries(
      BAD_LAYERS,
    )) {
      await t.test(what, async () => {
        await assert.rejects(pull(nameOf(what)), (reason: Error) => {
          assert.match(reason.message, says);
          assert.match(reason.message, names);
          return true;
        });
        await clearNode(node);
        await assertNodeEmpty(node);
      });
    }

    await t.test('the good image still comes, and none of the bad ones is in the bucket', async () => {
      await pull('good:latest');
      const reference = `${origin.address}/good:latest`;
      const mounted = await bed.makeFolder('mounted');
      await node.ctr('images', 'mount', '--snapshotter', 'lade', reference, mounted);
      const escaped = ['lade-escape-1', 'lade-escape-2'];
      assert.deepEqual(
        (await readdir(join(mounted, 'etc'))).filter((name) => escaped.includes(name)),
        escaped,
      );
      assert.deepEqual(
        (await readdir('/etc')).filter((name) => escaped.includes(name)),
        [],
      );
      await node.ctr('images', 'unmount', '--rm', '--snapshotter', 'lade', mounted);
      await node.uploaded();
      await node.publishes(reference);
      await node.ladeOrThrow('verify', reference);
      const objects = (await listObjects(`file://${bed.folder}/bucket`)).map(({ key }) => key);
      assert.equal(objects.filter((key) => key.startsWith('layers/')).length, 2);
      assert.deepEqual(await readdir(join(bed.folder, 'bucket/.tmp')), []);
      assert.ok((await peakBytes(node)) < MAX_DAEMON_BYTES, `the daemon took ${await peakBytes(node)} bytes`);
    });
  });
}

async function peakBytes(node: LadeNode): Promise<number> {
  const status = await readFile(`/proc/${node.daemonPid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}
