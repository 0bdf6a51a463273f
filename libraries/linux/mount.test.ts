import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempDisposableSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isCodedError, type ErrorCode } from '@lade/errors';
import { bindMount, isMountPoint, makePrivate, mount, readMounts, tryMount, unmount } from './index.ts';
import { testInPrivateMounts } from './testing/private-mounts.ts';
import { tinyErofs } from './testing/tiny-erofs.ts';

testInPrivateMounts(import.meta.filename, () => {
  test('mount() takes flags and options together, and unmount() undoes it', async (t) => {
    const target = join(folder(t), 'target');
    mkdirSync(target);
    assert.equal(await isMountPoint(target), false);
    await mount({
      type: 'tmpfs',
      source: 'scratch',
      target,
      options: ['nosuid', 'size=1m', 'noexec', 'exec'],
    });
    assert.equal(await isMountPoint(target), true);
    const info = (await readMounts()).find(({ mountPoint }) => mountPoint === target);
    assert.equal(info?.type, 'tmpfs');
    assert.equal(info?.source, 'scratch');
    assert.ok(info?.options.includes('nosuid') && !info.options.includes('noexec'));
    assert.ok(info?.superOptions.includes('size=1024k'));
    await unmount(target);
    assert.equal(await isMountPoint(target), false);
  });

  test('mount() reports what the kernel refused, on what, and as which class', async (t) => {
    const root = folder(t);
    await assert.rejects(
      mount({ type: 'tmpfs', source: 'none', target: join(root, 'missing') }),
      coded('not_found', /Cannot mount tmpfs none on .*missing: ENOENT/),
    );
    await assert.rejects(
      mount({ type: 'nosuchfs', source: 'none', target: root }),
      coded('not_found', /nosuchfs.*: ENODEV/),
    );
    await assert.rejects(mount({ type: 'tmpfs', source: 'a\0b', target: root }), TypeError);
  });

  test('mount() stacks an overlay', async (t) => {
    const [lower, upper, work, target] = folders(folder(t), 'lower', 'upper', 'work', 'target');
    writeFileSync(join(lower, 'a'), 'from below');
    const options = [`lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`];
    await mount({ type: 'overlay', source: 'overlay', target, options });
    writeFileSync(join(target, 'b'), 'new');
    assert.equal(readFileSync(join(target, 'a'), 'utf8'), 'from below');
    assert.equal(readFileSync(join(upper, 'b'), 'utf8'), 'new');
  });

  test('mount() takes more lower layers than one page of options holds, and commas in names', async (t) => {
    const root = folder(t);
    const names = Array.from({ length: 60 }, (_, i) => `${i}-${'x'.repeat(100)}`);
    const layers = folders(root, ...names, 'with,comma and:colon');
    const [target] = folders(root, 'target');
    for (const [i, layer] of layers.entries()) writeFileSync(join(layer, `file-${i}`), '');
    const lowerdir = layers.map((layer) => layer.replaceAll(':', '\\:')).join(':');
    assert.ok(lowerdir.length > 4096);
    await mount({
      type: 'overlay',
      source: 'overlay',
      target,
      options: ['ro', 'nodev', `lowerdir=${lowerdir}`],
    });
    assert.equal(readdirSync(target).length, 61);
    const info = (await readMounts()).find(({ mountPoint }) => mountPoint === target);
    assert.ok(info?.options.includes('ro') && info.options.includes('nodev'));
    assert.throws(() => writeFileSync(join(target, 'x'), ''), { code: 'EROFS' });
  });

  test("mount() adds the kernel's own words where it has some, and leaves nothing behind", async (t) => {
    const [target] = folders(folder(t), 'target');
    const request = { type: 'overlay', source: 'overlay', target };
    await assert.rejects(
      mount({ ...request, options: ['nosuchoption=a,b'] }),
      coded('invalid_argument', /with nosuchoption=a,b: EINVAL .*: overlay: Unknown parameter/),
    );
    await assert.rejects(
      mount({ ...request, options: ['lowerdir=/nowhere/a,b:/nowhere/c'] }),
      coded('not_found', /with lowerdir\+=\/nowhere\/a,b: ENOENT/),
    );
    assert.equal(await isMountPoint(target), false);
  });

  test('bindMount() shows a folder twice, read-only when asked', async (t) => {
    const [source, plain, fixed] = folders(folder(t), 'source', 'plain', 'fixed');
    await bindMount(source, plain);
    await bindMount(source, fixed, { readOnly: true });
    writeFileSync(join(plain, 'a'), 'seen');
    assert.equal(readFileSync(join(fixed, 'a'), 'utf8'), 'seen');
    assert.throws(() => writeFileSync(join(fixed, 'b'), ''), { code: 'EROFS' });
  });

  test('bindMount() with recursive takes along what is mounted below', async (t) => {
    const [source, shallow, deep] = folders(folder(t), 'source', 'shallow', 'deep');
    const [inner] = folders(source, 'inner');
    await mount({ type: 'tmpfs', source: 'none', target: inner });
    writeFileSync(join(inner, 'a'), '');
    await bindMount(source, shallow);
    await bindMount(source, deep, { recursive: true });
    assert.deepEqual(readdirSync(join(shallow, 'inner')), []);
    assert.deepEqual(readdirSync(join(deep, 'inner')), ['a']);
  });

  test('unmount() tells a busy mount from none, and detaches a busy one', async (t) => {
    const [target] = folders(folder(t), 'target');
    await assert.rejects(unmount(target), coded('not_found', /nothing is mounted there/));
    await mount({ type: 'tmpfs', source: 'none', target });
    writeFileSync(join(target, 'a'), '');
    const descriptor = openSync(join(target, 'a'), 'r');
    try {
      await assert.rejects(unmount(target), coded('failed_precondition', /EBUSY/));
      await unmount(target, { detach: true });
      assert.equal(await isMountPoint(target), false);
    } finally {
      closeSync(descriptor);
    }
  });

  test('makePrivate() takes a mount out of its peer group', async (t) => {
    const [target] = folders(folder(t), 'target');
    await mount({ type: 'tmpfs', source: 'none', target });
    execFileSync('mount', ['--make-shared', target]);
    const line = (): string | undefined =>
      readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .find((text) => text.includes(target));
    assert.match(line() ?? '', / shared:/);
    await makePrivate(target);
    assert.doesNotMatch(line() ?? '', / shared:/);
  });

  test('readMounts() and isMountPoint() find mount points with every awkward character', async (t) => {
    const target = join(folder(t), 'a b\tc\nd\\e#ü');
    mkdirSync(target);
    await mount({ type: 'tmpfs', source: 'none', target });
    assert.ok((await readMounts()).some(({ mountPoint }) => mountPoint === target));
    assert.ok(await isMountPoint(target));
    assert.equal(await isMountPoint(join(target, 'missing')), false);
  });

  test('tryMount() says whether a file system could be mounted, and mounts nothing', async (t) => {
    const root = folder(t);
    const [good, bad] = [join(root, 'good.erofs'), join(root, 'bad.erofs')];
    writeFileSync(good, tinyErofs());
    writeFileSync(bad, Buffer.alloc(4096));
    const before = (await readMounts()).length;
    const refusal = await tryMount({ type: 'erofs', source: good, options: ['ro'] });
    if (refusal?.details['errno'] === 'ENOTBLK') t.diagnostic('this kernel mounts no EROFS files');
    else assert.equal(refusal, undefined);
    const error = await tryMount({ type: 'erofs', source: bad, options: ['ro'] });
    assert.match(error?.message ?? '', /Cannot mount erofs .*bad\.erofs: /);
    assert.equal((await readMounts()).length, before);
  });
});

function folder(t: TestContext): string {
  const root = mkdtempDisposableSync(join(tmpdir(), 'lade-mount-'));
  t.after(async () => {
    const below = (await readMounts()).filter(({ mountPoint }) => mountPoint.startsWith(root.path));
    for (const { mountPoint } of below.toReversed()) await unmount(mountPoint, { detach: true });
    root.remove();
  });
  return root.path;
}

function folders<N extends readonly string[]>(root: string, ...names: N): { [K in keyof N]: string } {
  const paths = names.map((name) => join(root, name));
  for (const path of paths) mkdirSync(path);
  return paths as { [K in keyof N]: string };
}

function coded(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => isCodedError(error, code) && message.test(error.message);
}
