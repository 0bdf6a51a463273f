import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@lade/oci';
import { ReadBook } from '@lade/residency';
import { filesRead, layersReadElsewhere, layersReadIn, readsOf, topFiles } from './index.ts';
import { isIn } from './container-reads.ts';

const BLOB = { diffId: digestOf('layer'), sizeBytes: 1 << 20 };
const OTHER = { diffId: digestOf('other'), sizeBytes: 1 << 20 };

test('a control group is in another one where its path says so, with what lies before it or below', () => {
  assert.ok(isIn('/default/c', '/default/c') && isIn('/default/c/inner', '/default/c'));
  assert.ok(isIn('/a/kubepods.slice/cri-containerd-1.scope', 'cri-containerd-1.scope'));
  assert.ok(!isIn('/default/c2', '/default/c') && !isIn('/default/bc', 'c') && !isIn('', '/default/c'));
  assert.ok(!isIn('/k8s.io/c', '/default/c'));
});

test('a container has what its processes read, and apart what nobody else can have read for others', () => {
  const book = new ReadBook();
  book.read(BLOB, { offset: 0, length: 4096, reader: '/default/c' }, 1);
  book.waited(BLOB, { offset: 4096, length: 4096, reader: '/default/c/sub' }, { ms: 7, filledBytes: 9 });
  book.read(BLOB, { offset: 0, length: 10, reader: '/default/d' }, 1);
  book.read(BLOB, { offset: 0, length: 20, reader: '/' }, 2);
  book.read(OTHER, { offset: 0, length: 30, reader: '' }, 1);
  const others = layersReadElsewhere(book, new Set(['c', 'd']));
  const own = { requests: 2, bytes: 8192, waits: 1, waitMs: 7, filledBytes: 9 };
  assert.deepEqual(readsOf(book, '/default/c', others, new Set()), own);
  const unattributed = { requests: 2, bytes: 20, waits: 0, waitMs: 0, filledBytes: 0 };
  assert.deepEqual(readsOf(book, '/default/c', others, new Set([BLOB.diffId])), { ...own, unattributed });
});

test('files have the blocks that were read of them, and the waits that began in them', async () => {
  const book = new ReadBook();
  const wait = (offset: number, length: number, ms: number): void =>
    book.waited(BLOB, { offset, length, reader: '/c' }, { ms, filledBytes: 0 });
  wait(4096, 8192, 3);
  wait(12_288, 4096, 5);
  book.read(BLOB, { offset: 20_480, length: 4096, reader: '/c' }, 1);
  const [layer] = layersReadIn(book, '/c');
  assert.ok(layer);
  const files = [
    { path: 'untouched', offset: 0, sizeBytes: 4000 },
    { path: 'two', offset: 4096, sizeBytes: 8192 },
    { path: 'tail', offset: 12_288, sizeBytes: 100 },
    { path: 'read', offset: 16_384, sizeBytes: 9_000 },
  ];
  const again = { path: 'another name', offset: 4096, sizeBytes: 8192 };
  const batches = (async function* () {
    yield files.slice(2);
    yield [...files.slice(0, 2), again];
  })();
  const read = await filesRead(layer, batches);
  assert.deepEqual(
    read.map(({ path, bytes, waits, waitMs }) => [path, bytes, waits, waitMs]),
    [
      ['two', 8192, 1, 3],
      ['tail', 100, 1, 5],
      ['read', 4096, 0, 0],
    ],
  );
  assert.deepEqual(
    topFiles(read, 2).map(({ path }) => path),
    ['tail', 'two'],
  );
});
