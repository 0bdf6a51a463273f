import assert from 'node:assert/strict';
import { closeSync, mkdtempDisposableSync, readSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { isMountPoint, mountFuse, openBacking, openFuseDevice, unmount, waitReadable } from './index.ts';
import { testInPrivateMounts } from './testing/private-mounts.ts';

const FUSE_INIT = 26;

testInPrivateMounts(import.meta.filename, () => {
  test('mountFuse() mounts a device once, and the kernel says hello through it', async (t) => {
    using root = mkdtempDisposableSync(join(tmpdir(), 'lade-fuse-'));
    const device = openFuseDevice();
    t.after(() => closeSync(device));
    await mountFuse(device, root.path, { name: 'lade-test', maxReadBytes: 4096 });
    t.after(() => unmount(root.path).catch(() => undefined));
    assert.equal(await isMountPoint(root.path), true);
    assert.deepEqual(waitReadable([device]), ['readable']);
    const request = Buffer.alloc(8192);
    assert.ok(readSync(device, request) > 40);
    assert.equal(request.readUInt32LE(4), FUSE_INIT);
    assert.throws(() => readSync(device, request), { code: 'EAGAIN' });
    await assert.rejects(
      mountFuse(device, root.path, { name: 'lade-test', maxReadBytes: 4096 }),
      /EINVAL|EBUSY/,
    );
    await unmount(root.path, { detach: true });
    assert.deepEqual(waitReadable([device]), ['failed']);
  });

  test('openBacking() needs a kernel that agreed to it', async (t) => {
    const device = openFuseDevice();
    t.after(() => closeSync(device));
    assert.throws(() => openBacking(device, 0), isCodedError);
  });
});
