import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ByteSource } from '@lade/streams';
import { generated, textOf, type ConformanceCases } from './conformance-subject.ts';

const LARGE_BYTES = (64 << 20) + 1;
/** The parts of an upload in flight and what the collector has not come to; far below what the bodies add up to. */
const MAX_GROWTH_BYTES = 160 << 20;
const ROUNDS = 4;

export const streamCases: ConformanceCases = {
  'a body of 64 MiB and a byte comes back whole, and from its middle': async (bucket) => {
    const { version } = await bucket.put('large', generated(LARGE_BYTES), { sizeBytes: LARGE_BYTES });
    const got = await bucket.get('large');
    assert.deepEqual([got.sizeBytes, got.version], [LARGE_BYTES, version]);
    assert.equal(await digestOf(got.body), await digestOf(generated(LARGE_BYTES)));
    const tail = await bucket.get('large', { offset: LARGE_BYTES - 3 });
    assert.equal((await textOf(tail.body)).length, 3);
    const middle = await bucket.get('large', { offset: 1 << 20, length: 32 << 20 });
    let seen = 0;
    for await (const chunk of middle.body) {
      if (seen === 0) assert.equal(Buffer.from(chunk).readUInt32LE(), 1 << 20);
      seen += chunk.byteLength;
    }
    assert.equal(seen, 32 << 20);
  },
};

/** For buckets that keep their objects elsewhere. */
export const memoryCases: ConformanceCases = {
  'streams of 260 MB in all pass through bounded memory': async (bucket) => {
    const start = process.memoryUsage().rss;
    let peak = start;
    for (let round = 0; round < ROUNDS; round++) {
      await bucket.put('large', generated(LARGE_BYTES), { sizeBytes: LARGE_BYTES });
      for await (const _chunk of (await bucket.get('large')).body) {
        peak = Math.max(peak, process.memoryUsage.rss());
      }
    }
    assert.ok(peak - start < MAX_GROWTH_BYTES, `grew by ${peak - start} bytes`);
  },
};

async function digestOf(body: ByteSource): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex');
}
