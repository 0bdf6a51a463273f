import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { isCodedError } from '@lade/errors';
import { configureContainerd } from '@lade/containerd-config';
import { startContainerd, type Containerd } from './containerd.ts';
import { buildImage } from './images/build-image.ts';
import { startOrigin } from './origin.ts';
import { unpackSet } from './packages.ts';
import { mountPointsBelow } from './sweep.ts';
import { cacheFolder } from './test-cache.ts';

const asRoot = process.getuid?.() === 0;
if (!asRoot && process.env['CI']) throw new Error('these tests need root');
const needsRoot = { skip: asRoot ? false : 'NOT TESTED: containerd needs root' };

const SETS = ['containerd-1.6', 'containerd-1.7', 'containerd-2.1'] as const;

async function packagesOf(t: TestContext, set: (typeof SETS)[number]): Promise<string[]> {
  const options = { cacheFolder, log: (line: string) => t.diagnostic(line) };
  return [(await unpackSet(set, options)).folder, (await unpackSet('runc', options)).folder];
}

/** Ids of this run alone, since runc and control groups are shared by the machine. */
function containerId(name: string): string {
  return `lade-${process.pid}-${name}`;
}

async function assertNothingLeft(folder: string): Promise<void> {
  assert.deepEqual(await mountPointsBelow(folder), []);
  await assert.rejects(access(folder), { code: 'ENOENT' });
  assert.deepEqual(await processesNaming(folder), []);
}

async function processesNaming(folder: string): Promise<string[]> {
  const ps = spawn('ps', ['-e', '-o', 'args='], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = Buffer.concat(await ps.stdout.toArray()).toString();
  return lines.split('\n').filter((line) => line.includes(folder));
}

for (const set of SETS) {
  test(`${set} pulls, runs and leaves nothing behind`, needsRoot, async (t) => {
    await using place = await mkdtempDisposable(join(tmpdir(), 'lade-'));
    const folder = join(place.path, 'containerd');
    const python = await buildImage('python', { cacheFolder, log: (line) => t.diagnostic(line) });
    await using origin = await startOrigin([python.layout]);
    const reference = `${origin.address}/${python.name}`;
    {
      await using containerd = await startContainerd({ packages: await packagesOf(t, set), folder });
      assert.equal(containerd.version.slice(0, 3), set.slice(-3));
      await containerd.pull(reference);
      const run = ['run', '--rm', '--snapshotter', 'overlayfs', reference, containerId(set)];
      const result = await containerd.ctr(...run, 'python3', '-c', 'print(6*7)');
      assert.deepEqual(result, { stdout: '42\n', stderr: '', code: 0 });
      await assertPlugins(containerd);
      await startSleeper(containerd, reference, containerId(`${set}-left`));
    }
    await assertNothingLeft(folder);
    await assertNoContainer(containerId(`${set}-left`));
  });
}

async function assertPlugins(containerd: Containerd): Promise<void> {
  const { stdout } = await containerd.ctr('plugins', 'list');
  assert.doesNotMatch(stdout, /\bcri\b.*\bok\b/);
  assert.match(stdout, /\boverlayfs\b.*\bok\b/);
}

async function startSleeper(containerd: Containerd, reference: string, id: string): Promise<void> {
  const started = await containerd.ctr('run', '--detach', reference, id, 'sleep', '1000');
  assert.equal(started.code, 0, started.stderr);
}

async function assertNoContainer(id: string): Promise<void> {
  await assert.rejects(access(`/run/containerd/runc/default/${id}`), { code: 'ENOENT' });
  const groups = await readFile('/proc/self/mountinfo', 'utf8');
  for (const line of groups.split('\n')) {
    const path = line.split(' ')[4] ?? '';
    if (path.startsWith('/sys/fs/cgroup')) await assert.rejects(access(join(path, 'default', id)));
  }
}

test('startContainerd() is cleaned up after when its process is killed', needsRoot, async (t) => {
  await using place = await mkdtempDisposable(join(tmpdir(), 'lade-'));
  const folder = join(place.path, 'containerd');
  const python = await buildImage('python', { cacheFolder, log: (line) => t.diagnostic(line) });
  await using origin = await startOrigin([python.layout]);
  const id = containerId('killed');
  const program = `
    const { startContainerd } = await import(${JSON.stringify(import.meta.resolve('./containerd.ts'))});
    const options = ${JSON.stringify({ packages: await packagesOf(t, 'containerd-2.1'), folder })};
    const containerd = await startContainerd(options);
    const reference = ${JSON.stringify(`${origin.address}/${python.name}`)};
    await containerd.pull(reference);
    const { stderr } = await containerd.ctr('run', '--detach', reference, ${JSON.stringify(id)}, 'sleep', '1000');
    console.log('started', stderr);`;
  const victim = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => victim.kill('SIGKILL'));
  const [line] = (await once(victim.stdout, 'data')) as [Buffer];
  assert.equal(line.toString().trim(), 'started');
  assert.ok((await mountPointsBelow(folder)).length > 0);
  victim.kill('SIGKILL');
  await once(victim, 'exit');
  for (let i = 0; i < 200 && (await processesNaming(folder)).length > 0; i++) await sleep(50);
  await assertNothingLeft(folder);
  await assertNoContainer(id);
});

test('startContainerd() loads an imported configuration', needsRoot, async (t) => {
  await using place = await mkdtempDisposable(join(tmpdir(), 'lade-'));
  const folder = join(place.path, 'containerd');
  const snapshotter = { name: 'probe', address: join(place.path, 'none.sock'), exportsRoot: place.path };
  await using containerd = await startContainerd({
    packages: await packagesOf(t, 'containerd-2.1'),
    folder,
    cri: true,
    config: configureContainerd({ version: '2.1', snapshotter }),
  });
  const { stdout } = await containerd.ctr('plugins', 'list');
  for (const plugin of [
    /snapshotter\.v1 +probe .*ok/,
    /differ\.v1 +probe-diff .*ok/,
    /transfer\.v1 +local .*ok/,
  ])
    assert.match(stdout, plugin);
  assert.match(stdout, /cri\.v1 +images .*ok/);
});

test('startContainerd() refuses a folder whose sockets would have too long a path', async () => {
  await assert.rejects(
    startContainerd({ packages: [], folder: `/tmp/${'x'.repeat(100)}` }),
    (e) => isCodedError(e, 'invalid_argument') && e.cure !== undefined,
  );
});
