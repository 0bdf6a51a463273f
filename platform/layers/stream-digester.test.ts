import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { digestOf, type Digest } from '@lade/oci';
import { StreamDigester } from './stream-digester.ts';

const LONG = randomBytes(50_000_000);

/** Feeds a copy of `bytes`, `viewBytes` at a time, as views of buffers of `bufferBytes`. */
async function digest(bytes: Uint8Array, bufferBytes: number, viewBytes: number): Promise<Digest> {
  await using digester = new StreamDigester();
  for (let at = 0; at < bytes.byteLength; at += bufferBytes) {
    const buffer = new Uint8Array(bytes.subarray(at, at + bufferBytes));
    for (let view = 0; view < buffer.byteLength; view += viewBytes)
      await digester.update(buffer.subarray(view, view + viewBytes));
  }
  return await digester.finish();
}

test('a stream has the same digest on this thread and on another, however it is cut', async () => {
  for (const bytes of [LONG.subarray(0, 0), LONG.subarray(0, 1), LONG.subarray(0, 3_000_000), LONG]) {
    const expected = digestOf(bytes);
    for (const [bufferBytes, viewBytes] of [
      [1 << 20, 1 << 20],
      [1 << 20, 300_000],
      [100_000, 7_777],
      [60_000_000, 9_999_999],
    ] as const)
      assert.equal(await digest(bytes, bufferBytes, viewBytes), expected, `${bufferBytes}, ${viewBytes}`);
  }
});

test('a buffer of which only a part was given stays with its owner', async () => {
  const bytes = new Uint8Array(LONG.subarray(0, 20_000_000));
  const part = bytes.subarray(1);
  await using digester = new StreamDigester();
  await digester.update(part);
  assert.equal(await digester.finish(), digestOf(LONG.subarray(1, 20_000_000)));
  assert.equal(bytes.byteLength, 20_000_000);
});

test('a digester that is given up ends its thread', async () => {
  const digester = new StreamDigester();
  await digester.update(new Uint8Array(LONG));
  const finished = assert.rejects(digester.finish(), /ended/);
  await digester[Symbol.asyncDispose]();
  await finished;
});
