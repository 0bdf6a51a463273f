import assert from 'node:assert/strict';
import {
  closeSync,
  mkdirSync,
  mkdtempDisposableSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeNode, openInRoot } from './index.ts';

test('openInRoot() follows links as a process with that root does, and never out of it', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'lade-root-'));
  const root = join(folder.path, 'root');
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(join(folder.path, 'secret'), 'outside');
  writeFileSync(join(root, 'secret'), 'inside');
  symlinkSync('/secret', join(root, 'etc/absolute'));
  symlinkSync('../../../secret', join(root, 'etc/relative'));
  symlinkSync(`/proc/self/fd/0`, join(root, 'etc/magic'));
  for (const path of ['secret', '/secret', 'etc/absolute', 'etc/relative', '../secret']) {
    const descriptor = await openInRoot(root, path);
    assert.equal(readFileSync(descriptor, 'utf8'), 'inside', path);
    closeSync(descriptor);
  }
  for (const path of ['none', 'etc/magic', 'etc/none/..'])
    await assert.rejects(openInRoot(root, path), { code: 'not_found' });
  makeNode(join(root, 'fifo'), { type: 'fifo', mode: 0o600 });
  closeSync(await openInRoot(root, 'fifo'));
});
