import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { isCodedError } from '@lade/errors';
import { configureContainerd } from '@lade/containerd-config';
import { unpackSet, type PackageSetName } from './packages.ts';
import { cacheFolder } from './test-cache.ts';

const SNAPSHOTTER = { name: 'probe', address: '/run/probe.sock', exportsRoot: '/var/lib/probe' };

/** What a real containerd understands of a configuration, blanks and quotes made alike. */
async function dump(t: TestContext, set: PackageSetName, config: string): Promise<string> {
  const { folder } = await unpackSet(set, { cacheFolder, log: (line) => t.diagnostic(line) });
  await using place = await mkdtempDisposable(join(tmpdir(), 'lade-config-'));
  const file = join(place.path, 'config.toml');
  await writeFile(file, config);
  const containerd = join(folder, 'usr/bin/containerd');
  const { stdout } = await promisify(execFile)(containerd, ['--config', file, 'config', 'dump']);
  return stdout.replaceAll("'", '"').replaceAll(/ +/g, ' ');
}

test('containerd 1.6 gets the snapshotter alone: it panics at proxy plugins of type diff', async (t) => {
  const config = configureContainerd({ version: '1.6.20', snapshotter: SNAPSHOTTER, cri: true });
  assert.doesNotMatch(config, /diff/);
  const understood = await dump(t, 'containerd-1.6', config);
  assert.match(understood, /\[proxy_plugins\.probe\]\n address = "\/run\/probe\.sock"\n type = "snapshot"/);
  assert.match(understood, / snapshotter = "probe"/);
  assert.match(config, /^# +ln -s \/var\/lib\/probe .*\/io\.containerd\.snapshotter\.v1\.probe$/m);
});

for (const [version, set, cri, capabilities] of [
  ['1.7.24', 'containerd-1.7', 'io.containerd.grpc.v1.cri".containerd', ['remap-ids']],
  ['2.1.9', 'containerd-2.1', 'io.containerd.cri.v1.images"', ['remap-ids']],
  ['2.2.0', 'containerd-2.1', 'io.containerd.cri.v1.images"', ['remap-ids', 'rebase']],
] as const) {
  test(`containerd ${version} understands every setting`, async (t) => {
    const config = configureContainerd({
      version,
      snapshotter: { ...SNAPSHOTTER, capabilities: ['remap-ids', 'rebase'] },
      cri: true,
      content: true,
      platform: 'linux/amd64',
    });
    const understood = await dump(t, set, config);
    const section = (name: string): string => understood.split(`[${name}]\n`)[1]?.split('\n\n')[0] ?? '';
    assert.match(section('proxy_plugins.probe'), /type = "snapshot"/);
    const [, announced] = /capabilities = (.*)/.exec(section('proxy_plugins.probe')) ?? [];
    assert.deepEqual(JSON.parse(announced ?? ''), capabilities);
    assert.match(section('proxy_plugins.probe.exports'), /root = "\/var\/lib\/probe"/);
    assert.match(section('proxy_plugins.probe.exports'), /enable_remote_snapshot_annotations = "true"/);
    assert.match(section('proxy_plugins.probe-diff'), /type = "diff"/);
    assert.match(section('proxy_plugins.probe-content'), /type = "content"/);
    assert.match(understood, /disabled_plugins = \[\s*"io\.containerd\.content\.v1\.content",?\s*\]/);
    assert.match(
      section('plugins."io.containerd.service.v1.diff-service"'),
      /default = \["probe-diff", "walking"\]/,
    );
    assert.match(section(`plugins."${cri}`), /^ snapshotter = "probe"$/m);
    const unpack = understood.split('[[plugins."io.containerd.transfer.v1.local".unpack_config]]').slice(1);
    assert.equal(unpack.length, 2);
    const wanted = [
      ['differ = "walking"', 'snapshotter = "overlayfs"', 'platform = "linux/amd64"'],
      ['differ = "probe-diff"', 'snapshotter = "probe"', 'platform = "linux/amd64"'],
    ];
    for (const [i, settings] of wanted.entries())
      for (const setting of settings) assert.ok(unpack[i]?.includes(setting), setting);
  });
}

const PINNED = ['[plugins."io.containerd.cri.v1.images".pinned_images]', 'sandbox = "probe/pause"'] as const;
const OLD_CRI = 'io.containerd.grpc.v1.cri';
const CRI_SETTING = 'sandbox_image = "probe/pause"';

for (const [set, version, format, settings, keeps] of [
  ['containerd-1.6', '1.6.20', 2, [`[plugins."${OLD_CRI}"]`, CRI_SETTING], false],
  ['containerd-1.7', '1.7.24', 2, [`[plugins."${OLD_CRI}"]`, CRI_SETTING], false],
  ['containerd-2.1', '2.1.9', 2, [`[plugins."${OLD_CRI}"]`, CRI_SETTING], true],
  ['containerd-2.1', '2.1.9', 3, PINNED, true],
] as const) {
  const name = `${set}, main file of format ${format}`;
  test(`${name}: an import ${keeps ? 'keeps' : 'replaces, and says so,'} what it says`, async (t) => {
    const config = configureContainerd({ version, snapshotter: SNAPSHOTTER, cri: true });
    assert.equal(/^# Imported, this replaces/m.test(config), !keeps);
    await using place = await mkdtempDisposable(join(tmpdir(), 'lade-config-'));
    const imported = join(place.path, 'imported.toml');
    await writeFile(imported, config);
    const main = [`version = ${format}`, `imports = ["${imported}"]`, ...settings];
    const understood = await dump(t, set, `${main.join('\n')}\n`);
    assert.match(understood, / snapshotter = "probe"/);
    assert.equal(understood.includes('"probe/pause"'), keeps);
  });
}

test('configureContainerd() refuses what is too old or no version', () => {
  assert.throws(
    () => configureContainerd({ version: '1.5.9', snapshotter: SNAPSHOTTER }),
    (e) => isCodedError(e, 'unimplemented') && e.cure !== undefined,
  );
  assert.throws(
    () => configureContainerd({ version: 'new', snapshotter: SNAPSHOTTER }),
    (e) => isCodedError(e, 'invalid_argument'),
  );
});
