import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMemory } from './process-memory.ts';

test('the memory of this process is what Node says it is', async () => {
  const { residentBytes, peakBytes } = await readMemory(process.pid);
  assert.ok(Math.abs(residentBytes - process.memoryUsage.rss()) < 32 * 2 ** 20);
  assert.ok(peakBytes >= residentBytes);
});

test('the peak counts memory that was given back', async () => {
  const before = await readMemory(process.pid);
  Buffer.alloc(128 * 2 ** 20, 1);
  assert.ok((await readMemory(process.pid)).peakBytes >= before.residentBytes + 100 * 2 ** 20);
});
