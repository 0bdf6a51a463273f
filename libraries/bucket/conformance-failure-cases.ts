import assert from 'node:assert/strict';
import { CodedError, codeOf, type ErrorCode } from '@lade/errors';
import type { ByteSource } from '@lade/streams';
import { generated, keysOf, pieces, type ConformanceCases } from './conformance-subject.ts';

const CHUNK_BYTES = 1 << 20;

export const failureCases: ConformanceCases = {
  'an aborted put leaves nothing, though its body never goes on, and lets go of the body': async (bucket) => {
    const stop = new AbortController();
    const stalled = Promise.withResolvers<void>();
    let isClosed = false;
    const body = async function* (): ByteSource {
      try {
        yield Buffer.alloc(CHUNK_BYTES);
        queueMicrotask(() => stop.abort(new Error('enough')));
        await stalled.promise;
      } finally {
        isClosed = true;
      }
    };
    const put = bucket.put('k', body(), { sizeBytes: 40 * CHUNK_BYTES, signal: stop.signal });
    await assert.rejects(put, /^Error: enough$/);
    assert.deepEqual(await keysOf(bucket, ''), []);
    stalled.resolve();
    await new Promise(setImmediate);
    assert.ok(isClosed);
  },

  'an aborted get ends with the reason of its signal': async (bucket) => {
    await bucket.put('k', generated(8 << 20), { sizeBytes: 8 << 20 });
    const stop = new AbortController();
    const { body } = await bucket.get('k', { signal: stop.signal });
    await assert.rejects(async () => {
      for await (const chunk of body) {
        assert.ok(chunk.byteLength < 8 << 20);
        stop.abort(new Error('enough'));
      }
    }, /^Error: enough$/);
  },

  'nothing is begun with an aborted signal': async (bucket) => {
    await bucket.put('k', Buffer.from('x'));
    const options = { signal: AbortSignal.abort(new Error('enough')) };
    const tries = [
      bucket.put('k2', Buffer.from('x'), options),
      bucket.get('k', options),
      bucket.head('k', options),
      Array.fromAsync(bucket.list('', options)),
      bucket.delete(['k'], options),
    ];
    for (const attempt of tries) await assert.rejects(attempt, /^Error: enough$/);
    assert.deepEqual(await keysOf(bucket, ''), ['k']);
  },

  'a body may be left after its first chunk, or unread': async (bucket) => {
    await bucket.put('k', generated(4 << 20), { sizeBytes: 4 << 20 });
    await bucket.get('k');
    for await (const chunk of (await bucket.get('k')).body) {
      assert.ok(chunk.byteLength > 0);
      break;
    }
    assert.equal((await bucket.head('k')).sizeBytes, 4 << 20);
  },

  'a stream without a size, and sizes that are none, are mistakes of the program': async (bucket) => {
    await assert.rejects(bucket.put('k', pieces('x')), TypeError);
    await assert.rejects(bucket.put('k', pieces('x'), { sizeBytes: -1 }), RangeError);
    await assert.rejects(bucket.get('k', { offset: -1 }), RangeError);
    await assert.rejects(bucket.get('k', { length: 0.5 }), RangeError);
  },
  ...Object.fromEntries(bodyCases()),
};

function bodyCases(): [string, ConformanceCases[string]][] {
  const bodies: readonly (readonly [string, () => ByteSource, ErrorCode])[] = [
    ['too short', () => pieces('123456789'), 'invalid_argument'],
    ['too long', () => pieces('12345', '67890', '1'), 'invalid_argument'],
    ['empty', () => pieces(), 'invalid_argument'],
    ['failing with a coded error', () => failing(new CodedError('data_loss', 'torn')), 'data_loss'],
    ['failing at the end', () => failing(new CodedError('aborted', 'torn'), '1234567890'), 'aborted'],
  ];
  return bodies.map(([what, body, code]) => [
    `a body ${what} leaves no object, and the old one as it was`,
    async (bucket) => {
      const { version } = await bucket.put('old', Buffer.from('before'));
      for (const key of ['old', 'new']) {
        const reason: unknown = await bucket.put(key, body(), { sizeBytes: 10 }).catch((e: unknown) => e);
        assert.equal(codeOf(reason), code);
      }
      assert.equal((await bucket.head('old')).version, version);
      assert.deepEqual(await keysOf(bucket, ''), ['old']);
    },
  ]);
}

async function* failing(reason: Error, ...texts: readonly string[]): ByteSource {
  yield* pieces(...texts);
  throw reason;
}
