import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync, constants } from 'node:zlib';
import { isCodedError, CodedError } from '@lade/errors';
import { collectBytes, fromBytes, type ByteSource, type PullSource } from '@lade/streams';
import { decompress } from './index.ts';

const NO_LIMIT = { maxBytes: Infinity };
/** Part random, part repetitive, so that both formats use several block types. */
const CONTENT = Buffer.concat([randomBytes(700_000), Buffer.alloc(5_000_000, 'lade '), randomBytes(3)]);
const SKIPPABLE = Buffer.from('532a4d1805000000', 'hex');
const withSkippable = (...frames: Buffer[]): Buffer =>
  Buffer.concat(frames.flatMap((frame) => [SKIPPABLE, Buffer.from('12345'), frame]));

async function unpack(packed: Uint8Array, pieceBytes = packed.byteLength): Promise<Buffer> {
  return Buffer.from(await collectBytes(decompress(inPieces(packed, pieceBytes), NO_LIMIT), Infinity));
}

async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** The same as a pull source, which never fills a buffer beyond `pieceBytes`. */
function pull(bytes: Uint8Array, pieceBytes: number): PullSource {
  let at = 0;
  return async (buffer) => {
    const piece = bytes.subarray(at, at + Math.min(pieceBytes, buffer.byteLength));
    buffer.fill(0xff).set(piece);
    at += piece.byteLength;
    return piece.byteLength;
  };
}

/** A source that counts whether it was returned, and can stall or fail after its bytes. */
function watch(bytes: Uint8Array, end?: () => Promise<void>): { source: ByteSource; returned: () => number } {
  let returned = 0;
  const source = async function* (): ByteSource {
    try {
      yield* inPieces(bytes, 300_000);
      await end?.();
    } finally {
      returned++;
    }
  };
  return { source: source(), returned: () => returned };
}

const packings: Record<string, Buffer> = {
  plain: CONTENT,
  gzip: gzipSync(CONTENT, { level: 6 }),
  zstd: zstdCompressSync(CONTENT),
  'zstd with checksum': zstdCompressSync(CONTENT, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
};

for (const [name, packed] of Object.entries(packings)) {
  test(`decompress() restores ${name} data, whatever the size of the source's chunks`, async () => {
    for (const pieceBytes of [1021, 70_000, packed.byteLength])
      assert.ok(CONTENT.equals(await unpack(packed, pieceBytes)), String(pieceBytes));
  });
}

for (const [name, packed] of Object.entries(packings)) {
  test(`decompress() restores ${name} data from a pull source, whose buffers it uses again`, async () => {
    for (const pieceBytes of [1021, 70_000, packed.byteLength]) {
      const unpacked = await collectBytes(decompress(pull(packed, pieceBytes), NO_LIMIT), Infinity);
      assert.ok(CONTENT.equals(unpacked), String(pieceBytes));
    }
  });
}

test('decompress() yields nothing for an empty source, and short plain bytes as they are', async () => {
  assert.equal((await unpack(Buffer.alloc(0))).byteLength, 0);
  assert.equal((await unpack(Buffer.from('hi'))).toString(), 'hi');
});

test('decompress() joins gzip members and accepts zero padding after the last', async () => {
  const members = Buffer.concat(['a', '', 'b'].map((text) => gzipSync(text)));
  for (const padding of [0, 1, 600_000]) {
    const packed = Buffer.concat([members, Buffer.alloc(padding)]);
    assert.equal((await unpack(packed)).toString(), 'ab');
  }
  const large = Buffer.concat([gzipSync(CONTENT), gzipSync(CONTENT), Buffer.alloc(512)]);
  assert.equal((await unpack(large)).byteLength, 2 * CONTENT.byteLength);
});

test('decompress() joins zstd frames and leaves out skippable ones', async () => {
  const small = Array.from({ length: 100 }, (_, i) => zstdCompressSync(`frame ${i};`));
  const expected = small.map((_, i) => `frame ${i};`).join('');
  assert.equal((await unpack(Buffer.concat(small))).toString(), expected);
  assert.equal((await unpack(withSkippable(...small))).toString(), expected);
  const large = withSkippable(packings['zstd with checksum']!, packings['zstd']!, zstdCompressSync(''));
  assert.ok(Buffer.concat([CONTENT, CONTENT]).equals(await unpack(large, 99_991)));
});

test('decompress() reports data cut short at any place as data loss, naming format and offset', async () => {
  for (const format of ['gzip', 'zstd'] as const) {
    const packed = packings[format]!;
    for (const length of [5, 20, 100_000, packed.byteLength - 1])
      await assert.rejects(unpack(packed.subarray(0, length)), (e) => {
        assert.ok(isCodedError(e, 'data_loss'));
        assert.match(e.message, new RegExp(`^Cannot decompress ${format} data after output byte \\d+: `));
        return true;
      });
  }
  const skippable = withSkippable(zstdCompressSync('x')).subarray(0, 10);
  await assert.rejects(unpack(skippable), (e) => isCodedError(e, 'data_loss'));
});

test('decompress() reports a flipped bit that the format can detect', async () => {
  for (const name of ['gzip', 'zstd with checksum'])
    for (const at of [packings[name]!.byteLength - 3, 350_000]) {
      const packed = Buffer.from(packings[name]!);
      packed.writeUInt8(packed.readUInt8(at) ^ 4, at);
      await assert.rejects(unpack(packed), (e) => isCodedError(e, 'data_loss'), `${name} at ${at}`);
    }
});

test('decompress() refuses other bytes after the end', async () => {
  const junk = Buffer.from('junk');
  const zeros = Buffer.alloc(9);
  const member = gzipSync('x');
  const frame = zstdCompressSync('x');
  for (const parts of [
    [member, junk],
    [member, zeros, junk],
    [member, Buffer.alloc(600_000), junk],
    [member, zeros, member],
    [member, Buffer.from([0x1f])],
    [frame, junk],
    [frame, zeros],
    [frame, Buffer.from('j')],
  ])
    await assert.rejects(unpack(Buffer.concat(parts)), (e) => isCodedError(e, 'data_loss'));
});

test('decompress() stops a decompression bomb at the limit', async () => {
  const bytes = Buffer.alloc(64 << 20);
  for (const packed of [gzipSync(bytes), zstdCompressSync(bytes), bytes]) {
    let seen = 0;
    const { source, returned } = watch(packed);
    const run = async (): Promise<void> => {
      for await (const chunk of decompress(source, { maxBytes: 3 << 20 })) seen += chunk.byteLength;
    };
    await assert.rejects(run, (e) => isCodedError(e, 'resource_exhausted'));
    assert.ok(seen <= 3 << 20);
    assert.equal(returned(), 1);
  }
  assert.equal(
    (await collectBytes(decompress(fromBytes(bytes), { maxBytes: 64 << 20 }), Infinity)).length,
    64 << 20,
  );
});

test('decompress() passes a failure of the source on as it is', async () => {
  const failure = new CodedError('unavailable', 'Cannot read blob: gone');
  const fail = (): Promise<void> => Promise.reject(failure);
  for (const packed of Object.values(packings)) {
    for (const part of [packed.subarray(0, 400_000), packed, Buffer.alloc(0)])
      await assert.rejects(collectBytes(decompress(watch(part, fail).source, NO_LIMIT), Infinity), failure);
  }
});

test('decompress() returns the source when the consumer leaves early', async () => {
  for (const packed of Object.values(packings)) {
    const { source, returned } = watch(Buffer.concat([packed, packed]));
    for await (const chunk of decompress(source, NO_LIMIT)) {
      assert.ok(chunk.byteLength > 0);
      break;
    }
    assert.equal(returned(), 1);
  }
});

test('decompress() ends with the reason of its signal, even if the source never answers', async () => {
  for (const packed of Object.values(packings)) {
    const stop = new AbortController();
    const reason = new Error('stop');
    const { source } = watch(packed, async () => {
      setImmediate(() => stop.abort(reason));
      await sleep(1e9, undefined, { ref: false });
    });
    const output = decompress(source, { ...NO_LIMIT, signal: stop.signal });
    await assert.rejects(collectBytes(output, Infinity), reason);
  }
});

test('decompress() releases engine and source on abort while the consumer holds a chunk', async () => {
  for (const packed of Object.values(packings)) {
    const stop = new AbortController();
    const { source, returned } = watch(Buffer.concat([packed, packed]));
    const output = decompress(source, { ...NO_LIMIT, signal: stop.signal });
    await output.next();
    stop.abort(new Error('stop'));
    await sleep(10);
    assert.equal(returned(), 1);
    await assert.rejects(output.next(), /stop/);
  }
});

test('decompress() does not open the source when its signal was aborted before', async () => {
  const { source, returned } = watch(CONTENT);
  const signal = AbortSignal.abort(new Error('too late'));
  await assert.rejects(decompress(source, { ...NO_LIMIT, signal }).next(), /too late/);
  assert.equal(returned(), 0);
});

test('decompress() leaves no listener on a signal that outlives it', async () => {
  const { signal } = new AbortController();
  for (const packed of Object.values(packings)) {
    for await (const _ of decompress(fromBytes(packed), { ...NO_LIMIT, signal })) continue;
    for await (const _ of decompress(fromBytes(packed, packed), { ...NO_LIMIT, signal })) break;
  }
  await sleep(1);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});
