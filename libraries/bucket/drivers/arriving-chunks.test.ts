import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ArrivingChunks } from './arriving-chunks.ts';

const CHUNK_BYTES = 64 << 10;

/** Gives as many chunks as are wanted, each full of its number. */
function numbered(count: number): { readonly stream: Readable; readonly given: () => number } {
  let given = 0;
  const stream = new Readable({
    highWaterMark: CHUNK_BYTES,
    read() {
      this.push(given < count ? Buffer.alloc(CHUNK_BYTES, ++given) : null);
    },
  });
  return { stream, given: () => given };
}

async function numbersOf(chunks: ArrivingChunks): Promise<number[]> {
  const numbers: number[] = [];
  for (let chunk = await chunks.next(); chunk; chunk = await chunks.next()) {
    assert.equal(chunk.byteLength, CHUNK_BYTES);
    numbers.push(chunk[0] ?? 0);
  }
  return numbers;
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

test('all chunks come in order, each as it arrived, also to a slow consumer', async () => {
  const { stream, given } = numbered(100);
  const chunks = new ArrivingChunks(stream);
  await turns(200);
  assert.ok(given() < 10, `${given()} chunks were taken from the network for nobody`);
  const wanted = Array.from({ length: 100 }, (_, i) => i + 1);
  assert.deepEqual(await numbersOf(chunks), wanted);
  assert.equal(await chunks.next(), undefined);
});

test('a stream that breaks is told at once, whatever waits', async () => {
  const { stream } = numbered(100);
  const chunks = new ArrivingChunks(stream);
  assert.ok(await chunks.next());
  await turns(50);
  stream.destroy(new Error('broken'));
  await turn();
  await assert.rejects(chunks.next(), /broken/);
  await assert.rejects(chunks.next(), /broken/);
});

test('who waits is told of a stream that breaks, or is closed early', async () => {
  for (const failure of [new Error('broken'), undefined]) {
    const stream = new Readable({ read() {} });
    const next = new ArrivingChunks(stream).next();
    setImmediate(() => stream.destroy(failure));
    if (failure) await assert.rejects(next, /broken/);
    else assert.equal(await next, undefined);
  }
});

test('a stream that was over before is told as well', async () => {
  const ended = Readable.from([]).resume();
  const closed = new Readable({ read() {} }).destroy();
  const broken = new Readable({ read() {} }).on('error', () => {}).destroy(new Error('broken'));
  await turns(3);
  assert.equal(await new ArrivingChunks(ended).next(), undefined);
  assert.equal(await new ArrivingChunks(closed).next(), undefined);
  await assert.rejects(new ArrivingChunks(broken).next(), /broken/);
});
