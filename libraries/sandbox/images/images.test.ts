import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtempDisposable, readFile, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { zstdDecompressSync } from 'node:zlib';
import { getXattr } from '@lade/linux';
import { compareTrees } from '../compare-trees.ts';
import { startContainerd, type Containerd } from '../containerd.ts';
import { startOrigin } from '../origin.ts';
import { unpackSet } from '../packages.ts';
import { unmountBelow } from '../sweep.ts';
import { cacheFolder } from '../test-cache.ts';
import { assembleImage, type ImageRecipe } from './assemble-image.ts';
import { buildImage } from './build-image.ts';

const asRoot = process.getuid?.() === 0;
if (!asRoot && process.env['CI']) throw new Error('these tests need root');
const needsRoot = { skip: asRoot ? false : 'NOT TESTED: images need root' };

const run = promisify(execFile);

async function start(
  t: TestContext,
  set: 'containerd-1.7' | 'containerd-2.1',
  folder: string,
): Promise<Containerd> {
  const options = { cacheFolder, log: (line: string) => t.diagnostic(line) };
  const packages = [(await unpackSet(set, options)).folder, (await unpackSet('runc', options)).folder];
  return await startContainerd({ packages, folder });
}

/** Mounts what containerd's own overlayfs made of an image, read-only, by the commands that ctr prints. */
async function mountImage(containerd: Containerd, reference: string, target: string): Promise<void> {
  await mkdir(target);
  const { code, stderr } = await containerd.ctr(
    'images',
    'mount',
    '--snapshotter',
    'overlayfs',
    reference,
    target,
  );
  assert.equal(code, 0, stderr);
}

test('two releases of containerd unpack `odd` alike, and as it is meant', needsRoot, async (t) => {
  await using place = await mkdtempDisposable(join(tmpdir(), 'lade-odd-'));
  const odd = await buildImage('odd', { cacheFolder, log: (line) => t.diagnostic(line) });
  await using origin = await startOrigin([odd.layout]);
  await using stack = new AsyncDisposableStack();
  const trees: string[] = [];
  for (const set of ['containerd-1.7', 'containerd-2.1'] as const) {
    const containerd = stack.use(await start(t, set, join(place.path, set)));
    const target = join(place.path, `${set}-tree`);
    stack.defer(async () => unmountBelow(target));
    await containerd.pull(`${origin.address}/${odd.name}`);
    await mountImage(containerd, `${origin.address}/${odd.name}`, target);
    trees.push(target);
  }
  const [left = '', right = ''] = trees;
  const differences = await compareTrees(left, right);
  assert.deepEqual(
    differences.filter((line) => !isTimeOfUnpacking(line)),
    [],
  );
  await assertOdd(left);
});

/** Folders that got a new entry from a layer without an entry of their own have the time of unpacking. */
function isTimeOfUnpacking(line: string): boolean {
  return /^(?:\.|tmp|tmp\/implied|odd|odd-implied.*|odd\/(?:sticky|double.*|gone-folder|xattr-folder)): mtime /.test(
    line,
  );
}

async function assertOdd(tree: string): Promise<void> {
  const names = await readdir(Buffer.from(join(tree, 'odd')), { encoding: 'latin1' });
  assert.ok(names.includes('\xff\xfe not UTF-8 \x80'));
  assert.ok(names.includes('n'.repeat(255)));
  for (const gone of ['gone-file', 'never-there']) assert.ok(!names.includes(gone), gone);
  assert.deepEqual(await readdir(join(tree, 'odd/opaque')), ['new']);
  assert.deepEqual(await readdir(join(tree, 'odd/gone-folder')), ['again']);
  assert.equal(await readFile(join(tree, 'odd/twice'), 'utf8'), 'second, and it wins');
  assert.equal(await readFile(join(tree, 'odd/comes-back'), 'utf8'), 'after');
  const sparse = await readFile(join(tree, 'odd/sparse'));
  assert.equal(sparse.length, 8 * 1024 * 1024);
  assert.equal(sparse.indexOf('second data'), 5 * 1024 * 1024 + 7);
  assert.equal(getXattr(join(tree, 'odd/capable'), 'security.capability')?.length, 20);
  assert.equal(Buffer.from(getXattr(join(tree, 'odd/xattrs'), 'user.one') ?? []).toString(), '1');
  const { stdout } = await run(
    'stat',
    ['--format=%a %u:%g %y', join(tree, 'odd/large-owner'), join(tree, 'odd/nanoseconds')],
    { env: { TZ: 'UTC' } },
  );
  assert.match(stdout, /^644 70000:4000000000 .*\n.*\.123456789 /);
}

const RECIPE: ImageRecipe = {
  name: 'tiny:latest',
  compression: 'zstd',
  config: { Cmd: ['sh'] },
  layers: [
    { packages: ['dash', 'base-files'] },
    { packages: ['hostname'], fill: async (root) => writeFile(join(root, 'note'), 'added') },
  ],
};

test('assembleImage() gives the same bytes each time, and no package twice', needsRoot, async (t) => {
  await using place = await mkdtempDisposable(join(tmpdir(), 'lade-assemble-'));
  const layouts = ['first', 'second'].map((name) => join(place.path, name));
  for (const layout of layouts)
    await assembleImage({ recipe: RECIPE, layout, cacheFolder, log: (line) => t.diagnostic(line) });
  const [first = [], second = []] = await Promise.all(
    layouts.map(async (layout) => (await readdir(join(layout, 'blobs/sha256'))).sort()),
  );
  assert.deepEqual(first, second);
  assert.equal(first.length, 4);
  const upper = await listUpperLayer(layouts[0] ?? '');
  assert.ok(upper.includes('usr/bin/hostname') && upper.includes('note'));
  assert.ok(!upper.some((name) => /^(?:bin|lib|lib64|sbin)\/?$|libc\.so/.test(name)), upper.join(' '));
});

async function listUpperLayer(layout: string): Promise<string[]> {
  const blob = async (digest: string): Promise<Buffer> =>
    await readFile(join(layout, 'blobs/sha256', digest.slice('sha256:'.length)));
  interface Listing {
    readonly manifests: readonly { readonly digest: string }[];
    readonly layers: readonly { readonly digest: string; readonly mediaType: string }[];
  }
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as Listing;
  const manifest = JSON.parse((await blob(index.manifests[0]?.digest ?? '')).toString()) as Listing;
  assert.match(manifest.layers[1]?.mediaType ?? '', /tar\+zstd$/);
  const path = join(layout, 'blobs/sha256', (manifest.layers[1]?.digest ?? '').slice('sha256:'.length));
  const plain = join(layout, 'upper.tar');
  await writeFile(plain, zstdDecompressSync(await readFile(path)));
  return (await run('tar', ['--list', `--file=${plain}`])).stdout.trim().split('\n');
}

test('containerd takes `small-files`, of more than 30,000 files', needsRoot, async (t) => {
  await using place = await mkdtempDisposable(join(tmpdir(), 'lade-small-'));
  const small = await buildImage('small-files', { cacheFolder, log: (line) => t.diagnostic(line) });
  await using origin = await startOrigin([small.layout]);
  await using containerd = await start(t, 'containerd-2.1', join(place.path, 'containerd'));
  const reference = `${origin.address}/${small.name}`;
  await containerd.pull(reference);
  const count = ['sh', '-c', 'find /srv -type f | wc -l'];
  const { stdout } = await containerd.ctr('run', '--rm', reference, `lade-${process.pid}-small`, ...count);
  assert.equal(stdout.trim(), '32000');
});
