import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { collectBytes, fromBytes } from '@lade/streams';
import { compress, type Compression } from './index.ts';

const CONTENT = Buffer.concat([randomBytes(700_000), Buffer.alloc(5_000_000, 'lade '), randomBytes(3)]);
const UNPACK = {
  none: (bytes: Uint8Array) => Buffer.from(bytes),
  gzip: gunzipSync,
  zstd: zstdDecompressSync,
};
const FORMATS = Object.keys(UNPACK) as Compression[];

async function pack(format: Compression, pieceBytes = 1 << 20): Promise<Uint8Array> {
  return collectBytes(compress(inPieces(pieceBytes), format), Infinity);
}

async function* inPieces(pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < CONTENT.byteLength; at += pieceBytes) yield CONTENT.subarray(at, at + pieceBytes);
}

for (const format of FORMATS) {
  test(`compress() packs as ${format} what its tool unpacks, each time the same`, async () => {
    const packed = await pack(format);
    assert.ok(UNPACK[format](packed).equals(CONTENT));
    assert.ok(Buffer.from(await pack(format)).equals(packed));
    assert.ok(packed.byteLength < CONTENT.byteLength / 4 || format === 'none');
    const empty = await collectBytes(compress(fromBytes(), format), Infinity);
    assert.equal(UNPACK[format](empty).byteLength, 0);
  });

  test(`compress() as ${format} passes a failure of the source on, and returns the source when left`, async () => {
    const failure = new Error('source');
    let returned = 0;
    async function* source(chunks: number): AsyncGenerator<Uint8Array> {
      try {
        for (let n = 0; n < chunks; n++) yield randomBytes(1_000_000);
        await sleep(1);
        throw failure;
      } finally {
        returned++;
      }
    }
    await assert.rejects(collectBytes(compress(source(3), format), Infinity), (e) => e === failure);
    for await (const packed of compress(source(100), format)) if (packed.byteLength > 10) break;
    assert.equal(returned, 2);
  });
}

test('compress() writes a gzip header without time and name', async () => {
  const header = Buffer.from(await pack('gzip')).subarray(0, 10);
  assert.equal(header.toString('hex'), '1f8b0800000000000003');
});

test('compress() ends with the reason of its signal', async () => {
  for (const format of FORMATS) {
    const stop = new AbortController();
    const reason = new Error('stop');
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        await sleep(1);
        yield randomBytes(100_000);
      }
    }
    setTimeout(() => stop.abort(reason), 20);
    const packed = compress(endless(), format, { signal: stop.signal });
    await assert.rejects(collectBytes(packed, Infinity), (e) => e === reason);
  }
});
