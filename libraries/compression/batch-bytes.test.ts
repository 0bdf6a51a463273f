import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBytes } from '@lade/streams';
import { batchBytes } from './batch-bytes.ts';

test('batchBytes() gathers small chunks, passes large ones uncopied and keeps every byte', async () => {
  const large = Buffer.from('0123456789');
  const chunks = ['a', 'bc', '', 'defgh', 'i'].map((text) => Buffer.from(text));
  const batches = await Array.fromAsync(batchBytes(fromBytes(large, ...chunks, large), 4));
  assert.equal(batches[0], large);
  assert.deepEqual(
    batches.slice(1).map((batch) => Buffer.from(batch).toString()),
    ['abcd', 'efgh', 'i012', '3456789'],
  );
});
