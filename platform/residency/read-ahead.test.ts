import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadAhead } from './read-ahead.ts';

const CHUNK = 256 << 10;
const BLOB = 4096 * CHUNK;

/** Reads a run of chunks as a kernel would; returns the end of all that was brought for it. */
function readRun(ahead: ReadAhead, from: number, chunks: number, brought = new Set<number>()): Set<number> {
  const markers = new Set<number>();
  const bring = (start: number, end: number): void => {
    for (let n = Math.floor(start / CHUNK); n * CHUNK < end; n++) brought.add(n);
  };
  for (let n = from; n < from + chunks; n++) {
    const window = brought.has(n)
      ? markers.has(n) && ahead.reached(n * CHUNK)
      : ahead.missed(n * CHUNK, (n + 1) * CHUNK);
    bring(n * CHUNK, (n + 1) * CHUNK);
    if (!window) continue;
    bring(window.start, window.end);
    markers.add(Math.floor(window.marker / CHUNK));
  }
  return brought;
}

test('a reader that jumps about gets nothing ahead', () => {
  const ahead = new ReadAhead(BLOB);
  for (let i = 0; i < 500; i++) {
    const n = ((i * 2654435761) % 4096) & ~1;
    assert.equal(ahead.missed(n * CHUNK, (n + 1) * CHUNK), undefined);
  }
});

test('a reader that goes on gets windows that grow, and runs dry but twice', () => {
  const ahead = new ReadAhead(BLOB);
  assert.equal(ahead.missed(0, CHUNK), undefined);
  const sizes: number[] = [];
  for (let window = ahead.missed(CHUNK, 2 * CHUNK); window && window.end < BLOB;) {
    sizes.push(window.end - window.start);
    window = ahead.reached(window.marker);
  }
  assert.deepEqual(
    sizes,
    sizes.toSorted((a, b) => a - b),
  );
  assert.equal(sizes.at(-1), 16 << 20);
});

test('wherever a reader stops, little was for nothing', () => {
  for (const chunks of [1, 2, 3, 8, 20, 64, 300]) {
    const brought = readRun(new ReadAhead(BLOB), 100, chunks).size;
    assert.ok(brought <= Math.max(chunks * 2, chunks + 2), `${brought} for ${chunks}`);
  }
});

test('several readers are followed at once', () => {
  const ahead = new ReadAhead(BLOB);
  const starts = [0, 1000, 2000, 3000];
  for (const n of starts) assert.equal(ahead.missed(n * CHUNK, (n + 1) * CHUNK), undefined);
  for (const n of starts)
    assert.equal(ahead.missed((n + 1) * CHUNK, (n + 2) * CHUNK)?.start, (n + 2) * CHUNK);
});

test('nothing is read ahead beyond the blob', () => {
  const ahead = new ReadAhead(3 * CHUNK);
  ahead.missed(0, CHUNK);
  assert.equal(ahead.missed(CHUNK, 2 * CHUNK)?.end, 3 * CHUNK);
  assert.equal(ahead.reached(2 * CHUNK), undefined);
});
