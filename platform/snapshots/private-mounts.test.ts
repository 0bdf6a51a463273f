import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compactOverlay } from './testing/private-mounts.ts';

test('128 layers with corrections fit the 4096 bytes of one mount call after containerd shortened them', async () => {
  const root = '/var/lib/lade';
  const lower = Array.from({ length: 128 }, (_, index) => [
    `fixes/${9000 + index}`,
    `snapshots/${9000 + index}/fs`,
  ]);
  const paths = lower.flat().map((path) => `${root}/${path}`);
  const own = ['index=off', `workdir=${root}/snapshots/9999/work`, `upperdir=${root}/snapshots/9999/fs`];
  const { directory, options } = compactOverlay([...own, `lowerdir=${paths.join(':')}`]);
  assert.equal(directory, root);
  assert.ok(options.join(',').length < 4096, String(options.join(',').length));
});
