import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { copyDescriptors, mount, unmount } from '@lade/linux';
import { testInPrivateMounts } from '@lade/linux/private-mounts';
import { KeeperBed, kill } from './testing/keeper-bed.ts';

testInPrivateMounts(import.meta.filename, () => {
  test('who waits for FUSE waits through the deaths of daemon and keeper, until the release', async () => {
    await using bed = new KeeperBed();
    await using stack = new AsyncDisposableStack();
    const target = join(bed.root, 'mount');
    mkdirSync(target);
    bed.start();
    const { pid, fuse } = await bed.life(1);
    const [fd = -1] = copyDescriptors(pid, [fuse]);
    await mount({
      type: 'fuse',
      source: 'lade-test',
      target,
      options: [`fd=${fd}`, 'rootmode=40000', 'user_id=0', 'group_id=0'],
    });
    stack.defer(async () => unmount(target));
    closeSync(fd);
    const reader = spawn('ls', [target], { stdio: ['ignore', 'ignore', 'pipe'] });
    stack.defer(() => void reader.kill('SIGKILL'));
    const [closed, said] = [once(reader, 'close'), text(reader.stderr)];
    kill(pid);
    await bed.life(2);
    await bed.replaceKeeper();
    kill((await bed.life(2)).pid);
    const last = await bed.life(3);
    assert.equal(reader.exitCode, null, 'still waiting');
    process.kill(last.pid, 'SIGUSR2');
    await closed;
    assert.match(await said, /not connected/);
  });
});
