import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { parseMountInfo } from './mount-table.ts';

test('parseMountInfo() reads lines with no, one and several tags', () => {
  const tail = '- ext4 /dev/root rw,data=ordered\n';
  for (const tags of ['', 'shared:1 ', 'shared:1 master:2 ']) {
    assert.deepEqual(parseMountInfo(`36 35 98:0 /mnt1 /mnt\\0402 rw,noatime ${tags}${tail}`), [
      {
        id: 36,
        parentId: 35,
        device: '98:0',
        root: '/mnt1',
        mountPoint: '/mnt 2',
        type: 'ext4',
        source: '/dev/root',
        options: ['rw', 'noatime'],
        superOptions: ['rw', 'data=ordered'],
      },
    ]);
  }
});

test('parseMountInfo() keeps an empty source and a mount point named "-"', () => {
  const [info] = parseMountInfo('1 2 0:3 / - rw - tmpfs  rw\n');
  assert.equal(info?.mountPoint, '-');
  assert.equal(info?.source, '');
});

test('parseMountInfo() refuses a line of another form', () => {
  assert.throws(
    () => parseMountInfo('36 35 98:0 / /mnt rw ext4\n'),
    (error) => isCodedError(error, 'data_loss'),
  );
});
