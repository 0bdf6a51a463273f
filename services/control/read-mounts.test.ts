import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readHostname, readMounts } from './read-mounts.ts';

test('mounts are of absolute paths, which are cleaned, and never of the root', () => {
  assert.equal(readMounts({}), undefined);
  assert.deepEqual(
    readMounts({ mounts: [{ source: '/srv//a/', destination: '/data/../x', readOnly: true }] }),
    [{ source: '/srv/a', destination: '/x', readOnly: true }],
  );
  assert.deepEqual(readMounts({ mounts: [{ source: '/', destination: '/host' }] }), [
    { source: '/', destination: '/host' },
  ]);
  for (const mounts of [
    'x',
    ['/a:/b'],
    [null],
    [{ source: '/a' }],
    [{ source: 'a', destination: '/b' }],
    [{ source: '/a', destination: 'b' }],
    [{ source: '/a\0', destination: '/b' }],
    [{ source: '/a', destination: '/b/..' }],
    [{ source: '/a', destination: '/b', readOnly: 'yes' }],
  ])
    assert.throws(() => readMounts({ mounts }), { code: 'invalid_argument' }, JSON.stringify(mounts));
});

test('a host name is one that the kernel takes', () => {
  assert.equal(readHostname({ hostname: 'web-1.example' }), 'web-1.example');
  for (const hostname of ['', '-a', 'a b', 'x'.repeat(65), 'a/b'])
    assert.throws(() => readHostname({ hostname }), { code: 'invalid_argument' }, hostname);
});
