import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCodedError } from '@lade/errors';
import { attachLoop, mount, unmount } from './index.ts';
import { testInPrivateMounts } from './testing/private-mounts.ts';
import { tinyErofs } from './testing/tiny-erofs.ts';

testInPrivateMounts(import.meta.filename, () => {
  test('attachLoop() gives a device that can be mounted and goes away after its last user', async () => {
    using root = mkdtempDisposableSync(join(tmpdir(), 'lade-loop-'));
    const [image, target] = [join(root.path, 'image'), join(root.path, 'target')];
    writeFileSync(image, tinyErofs());
    mkdirSync(target);
    const loop = await attachLoop(image, { readOnly: true });
    try {
      await mount({ type: 'erofs', source: loop.path, target, options: ['ro'] });
    } finally {
      await loop[Symbol.asyncDispose]();
    }
    assert.ok(existsSync(backingFile(loop.path)), 'the mount keeps the device');
    await unmount(target);
    await gone(loop.path);
  });

  test('attachLoop() serves several files at once', async () => {
    using root = mkdtempDisposableSync(join(tmpdir(), 'lade-loop-'));
    const images = ['a', 'b', 'c'].map((name) => join(root.path, name));
    for (const image of images) writeFileSync(image, Buffer.alloc(4096));
    const loops = await Promise.all(images.map((image) => attachLoop(image)));
    assert.equal(new Set(loops.map(({ path }) => path)).size, images.length);
    await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
    await Promise.all(loops.map(({ path }) => gone(path)));
  });

  test('attachLoop() names a file that is not there', async () => {
    await assert.rejects(
      attachLoop('/nonexistent/image'),
      (error) => isCodedError(error, 'not_found') && error.message.includes('/nonexistent/image'),
    );
  });
});

function backingFile(device: string): string {
  return `/sys/block/${basename(device)}/loop/backing_file`;
}

/** The kernel detaches in the background. */
async function gone(device: string): Promise<void> {
  for (let tries = 0; existsSync(backingFile(device)); tries += 1) {
    assert.ok(tries < 500, `${device} is still attached`);
    await sleep(10);
  }
}
