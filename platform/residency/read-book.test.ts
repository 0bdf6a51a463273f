import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDigest } from '@lade/oci';
import { ReadBook } from './read-book.ts';

const blobOf = (n: number, sizeBytes = 1 << 20): Parameters<ReadBook['read']>[0] => ({
  diffId: parseDigest(`sha256:${n.toString(16).padStart(64, '0')}`),
  sizeBytes,
});

test('reads are summed by reader and layer, with the blocks that were read and where they waited', () => {
  const book = new ReadBook();
  const before = Date.now();
  book.read(blobOf(1), { offset: 0, length: 8192, reader: '/a' }, 2);
  book.waited(blobOf(1), { offset: 4096, length: 8192, reader: '/a' }, { ms: 5, filledBytes: 100 });
  book.waited(blobOf(1), { offset: 4096, length: 8192, reader: '/a' }, { ms: 6, filledBytes: 50 });
  book.read(blobOf(2), { offset: 0, length: 1, reader: '/a' }, 1);
  book.read(blobOf(1), { offset: 0, length: 7, reader: '' }, 1);
  const layersOf = new Map(book.entries());
  assert.deepEqual([...layersOf.keys()].sort(), ['', '/a']);
  const [first, second] = layersOf.get('/a') ?? [];
  assert.ok(first && second);
  const { requests, bytes, waits, waitMs, filledBytes } = first;
  assert.deepEqual([requests, bytes, waits, waitMs, filledBytes], [4, 24_576, 2, 11, 150]);
  assert.deepEqual([...first.waitsAt], [[4096, { waits: 2, waitMs: 11 }]]);
  assert.ok(first.waitedAt >= before && second.waitedAt === 0);
  assert.equal(first.blocks.count(0, 1 << 20), 12_288);
  book.forget('/a');
  assert.deepEqual(
    book.entries().map(([reader]) => reader),
    [''],
  );
});

test('who has not read for longest is forgotten when there are too many readers, or too large layers', () => {
  const book = new ReadBook();
  const readers = (): string[] => book.entries().map(([reader]) => reader);
  for (let n = 0; n < 600; n++) {
    book.read(blobOf(n), { offset: 0, length: 1, reader: `/${n}` }, 1);
    book.read(blobOf(0), { offset: 0, length: 1, reader: '/0' }, 1);
  }
  assert.equal(readers().length, 512);
  assert.ok(readers().includes('/0') && readers().includes('/599') && !readers().includes('/50'));
  for (let n = 0; n < 20; n++)
    book.read(blobOf(n, 2 ** 35), { offset: 0, length: 1, reader: `/large-${n}` }, 1);
  assert.ok(readers().length < 20 && readers().at(-1) === '/large-19');
});

test('what was brought for a start is known by its time', () => {
  const book = new ReadBook();
  const { diffId } = blobOf(1);
  assert.equal(book.broughtAt(diffId), 0);
  book.brought(diffId);
  assert.ok(Date.now() - book.broughtAt(diffId) < 10_000);
});
