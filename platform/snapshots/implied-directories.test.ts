import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Digest } from '@lade/oci';
import { openTestBed, type TestBed } from './testing/test-bed.ts';
import { runMounted } from './testing/private-mounts.ts';
import type { Snapshotter } from './snapshotter.ts';

const skip =
  process.getuid?.() !== 0 &&
  process.env['CI'] === undefined &&
  'SKIPPED: mounts snapshots, which needs root';

/** Mode, owner and group, times and name of what a script finds in a view of the topmost of `layers` (bottom first). */
async function look(
  bed: TestBed,
  snapshotter: Snapshotter,
  layers: readonly Digest[],
  script: string,
): Promise<string> {
  const top = await stackLayers(snapshotter, layers);
  const mounts = await snapshotter.view(`${top}-view`, top);
  return runMounted(mounts, script, bed.folder);
}

async function stackLayers(snapshotter: Snapshotter, layers: readonly Digest[]): Promise<string> {
  let parent = '';
  for (const [index, layer] of layers.entries()) {
    const name = `layer-${index}-${layer}`;
    await snapshotter.prepare(`${name}-active`, parent);
    snapshotter.attachLayer(`${name}-active`, layer);
    snapshotter.commit(name, `${name}-active`);
    parent = name;
  }
  return parent;
}

const STAT = "stat -c '%n %a %u:%g'";

test(
  'an implied directory looks as it does below, times included, and keeps what both layers hold',
  { skip },
  async () => {
    await using bed = await openTestBed();
    const below = await bed.layers.add(
      'mkdir -m 2750 etc; : > etc/old; chown 5:6 etc; chmod 2750 etc; touch -d @1000000000.123456789 etc; mkdir -m 0700 root',
    );
    const layer = await bed.layers.add('mkdir -p etc root; : > etc/new; touch -d @77 .', ['etc']);
    const snapshotter = await bed.open();
    const seen = await look(bed, snapshotter, [below, layer], `${STAT} etc root; stat -c %.9Y . etc; ls etc`);
    assert.equal(seen, 'etc 2750 5:6\nroot 755 0:0\n77.000000000\n1000000000.123456789\nnew\nold\n');
  },
);

test(
  'nested implied directories each look as below, and a named one between them as its layer says',
  { skip },
  async () => {
    await using bed = await openTestBed();
    const below = await bed.layers.add(
      'mkdir -m 0711 a; mkdir -m 0722 a/b; mkdir -m 0733 a/b/c; mkdir -m 0744 a/b/c/d',
    );
    const layer = await bed.layers.add('mkdir -p a/b/c/d/e; chmod 0700 a/b', [
      'a',
      'a/b/c',
      'a/b/c/d',
      'a/b/c/d/e',
    ]);
    const seen = await look(bed, await bed.open(), [below, layer], `${STAT} a a/b a/b/c a/b/c/d a/b/c/d/e`);
    assert.equal(seen, 'a 711 0:0\na/b 700 0:0\na/b/c 733 0:0\na/b/c/d 744 0:0\na/b/c/d/e 755 0:0\n');
  },
);

test(
  'an implied directory that is opaque looks as below and still hides what is below',
  { skip },
  async () => {
    await using bed = await openTestBed();
    const below = await bed.layers.add('mkdir -m 0700 d; mkdir -m 0700 d/sub; : > d/old');
    const layer = await bed.layers.add('rm -r d; mkdir -p d/sub; : > d/new', ['d', 'd/sub'], [below]);
    const seen = await look(bed, await bed.open(), [below, layer], `${STAT} d d/sub; ls d`);
    assert.equal(seen, 'd 700 0:0\nd/sub 755 0:0\nnew\nsub\n');
  },
);

test('what a layer between has removed, replaced or hidden is not below', { skip }, async () => {
  await using bed = await openTestBed();
  const below = await bed.layers.add(
    'mkdir -m 0700 gone file hidden hidden/sub link; mkdir -m 0700 to to/x link/x',
  );
  const between = await bed.layers.add(
    'rm -r gone file hidden link; : > file; mkdir -m 0750 hidden; ln -s to link',
    [],
    [below],
  );
  const layer = await bed.layers.add(
    'mkdir -p gone/x file/x hidden/sub link/x',
    'file file/x gone gone/x hidden hidden/sub link link/x'.split(' '),
  );
  const seen = await look(
    bed,
    await bed.open(),
    [below, between, layer],
    `${STAT} gone file hidden hidden/sub link/x`,
  );
  assert.equal(seen, 'gone 755 0:0\nfile 755 0:0\nhidden 750 0:0\nhidden/sub 755 0:0\nlink/x 755 0:0\n');
});

test('the correction of one layer is what the next one sees below', { skip }, async () => {
  await using bed = await openTestBed();
  const below = await bed.layers.add('mkdir -m 0700 etc; chown 1:2 etc');
  const first = await bed.layers.add('mkdir etc; : > etc/1', ['etc']);
  const second = await bed.layers.add('mkdir etc; : > etc/2', ['etc']);
  const snapshotter = await bed.open();
  assert.equal(
    await look(bed, snapshotter, [below, first, second], `${STAT} etc; ls etc`),
    'etc 700 1:2\n1\n2\n',
  );
  assert.equal((await readdir(join(bed.root, 'fixes'))).length, 2);
});

test(
  'names that are no UTF-8 are corrected, and so is a directory whose lower one is a plain snapshot',
  { skip },
  async () => {
    await using bed = await openTestBed();
    const snapshotter = await bed.open();
    const mounts = await snapshotter.prepare('plain-active', '');
    await runMounted(mounts, 'mkdir -m 0700 "$(printf "\\377")"', bed.folder);
    snapshotter.commit('plain', 'plain-active');
    await snapshotter.prepare('layer-active', 'plain');
    snapshotter.attachLayer('layer-active', await bed.layers.add('mkdir "$(printf "\\377")"', ['\xff']));
    snapshotter.commit('layer', 'layer-active');
    assert.equal(
      await runMounted(await snapshotter.view('view', 'layer'), 'stat -c %a *', bed.folder),
      '700\n',
    );
  },
);

test(
  'a correction is made once, outlives a restart, comes back when it was lost and goes with its snapshot',
  { skip },
  async () => {
    await using bed = await openTestBed();
    const below = await bed.layers.add('mkdir -m 0700 etc');
    const layer = await bed.layers.add('mkdir etc', ['etc']);
    let asked = 0;
    const impliedDirectories = async (diffId: Digest): Promise<readonly string[]> => {
      asked++;
      return bed.layers.impliedDirectories(diffId);
    };
    const layers = {
      mount: bed.layers.mount.bind(bed.layers),
      usage: bed.layers.usage.bind(bed.layers),
      layerAt: bed.layers.layerAt.bind(bed.layers),
      retain: bed.layers.retain.bind(bed.layers),
      impliedDirectories,
    };
    const first = await bed.open({ layers });
    const top = await stackLayers(first, [below, layer]);
    await Promise.all(['a', 'b', 'c'].map(async (key) => first.prepare(key, top)));
    assert.equal(asked, 1);

    const second = await bed.open({ layers });
    const mounts = await second.mounts('a');
    assert.equal(asked, 1);
    const [correction = ''] = await readdir(join(bed.root, 'fixes'));
    await rm(join(bed.root, 'fixes', correction), { recursive: true });

    const third = await bed.open({ layers });
    assert.deepEqual(await third.mounts('b').then(([mount]) => mount?.type), 'overlay');
    assert.equal(asked, 2);
    assert.equal(await runMounted(mounts, 'stat -c %a etc', bed.folder), '700\n');
    for (const key of ['a', 'b', 'c', top]) third.remove(key);
    await third.cleanup();
    assert.deepEqual(await readdir(join(bed.root, 'fixes')), []);
  },
);
