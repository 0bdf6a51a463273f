import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countResident, decodeMap, filesOfChunk, sizeOfChunk } from './decode-map.ts';
import { chunkAt, layOut, moveCursor } from './map-layout.ts';

const SIZES = [100, 50, 1, 849];

const FILES = [
  { path: 'a', offset: 0, sizeBytes: 90 },
  { path: 'b', offset: 90, sizeBytes: 30 },
  { path: 'c', offset: 160, sizeBytes: 840 },
];

function sampleMap(bits: number) {
  const sizes = Buffer.alloc(SIZES.length * 4);
  for (const [i, size] of SIZES.entries()) sizes.writeUInt32LE(size, i * 4);
  return decodeMap({
    diffId: `sha256:${'0'.repeat(64)}`,
    blobBytes: 1000,
    chunkBytes: sizes.toString('base64'),
    resident: Buffer.from([bits]).toString('base64'),
  });
}

test('a map has the chunks that follow each other, and the lowest bit of a byte first', () => {
  const table = sampleMap(0b0101);
  assert.deepEqual([...table.offsets], [0, 100, 150, 151, 1000]);
  assert.deepEqual([...table.states], [1, 0, 1, 0]);
  assert.equal(sizeOfChunk(table, 3), 849);
  assert.deepEqual(countResident(table), { chunks: 2, bytes: 101 });
});

test('a chunk names all files that have bytes of it, and none beside', () => {
  const table = sampleMap(0);
  const paths = SIZES.map((_, chunk) => filesOfChunk(table, FILES, chunk).map(({ path }) => path));
  assert.deepEqual(paths, [['a', 'b'], ['b'], [], ['c']]);
});

test('a map of 100,000 chunks fits its width, and every pixel of it leads to its chunk', () => {
  for (const [count, width] of [
    [1, 1000],
    [3200, 1040],
    [100_000, 1040],
    [100_000, 320],
  ] as const) {
    const layout = layOut(count, width);
    assert.ok(layout.columns * layout.cell <= width);
    assert.ok(layout.columns * layout.rows >= count);
    const last = count - 1;
    const x = (last % layout.columns) * layout.cell;
    const y = Math.floor(last / layout.columns) * layout.cell;
    assert.equal(chunkAt(layout, count, x, y), last);
    assert.equal(chunkAt(layout, count, x, y + layout.cell), undefined);
    assert.equal(chunkAt(layout, count, -1, 0), undefined);
  }
});

test('the cursor moves with the keys, and stays in the map', () => {
  const layout = { columns: 10, rows: 5, cell: 4, gap: 0 };
  const to = (from: number, key: string) => moveCursor(layout, 45, from, key);
  assert.equal(to(12, 'ArrowRight'), 13);
  assert.equal(to(12, 'ArrowDown'), 22);
  assert.equal(to(2, 'ArrowUp'), 0);
  assert.equal(to(40, 'ArrowDown'), 44);
  assert.equal(to(3, 'End'), 44);
  assert.equal(to(3, 'x'), undefined);
});
