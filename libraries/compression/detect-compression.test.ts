import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { detectCompression } from './index.ts';

test('detectCompression() goes by magic bytes alone', () => {
  assert.equal(detectCompression(gzipSync('x')), 'gzip');
  assert.equal(detectCompression(zstdCompressSync('x')), 'zstd');
  assert.equal(detectCompression(Buffer.from('502a4d18', 'hex')), 'zstd');
  assert.equal(detectCompression(Buffer.from('5f2a4d18', 'hex')), 'zstd');
  assert.equal(detectCompression(Buffer.from('602a4d18', 'hex')), 'none');
  assert.equal(detectCompression(Buffer.from('etc/\0\0')), 'none');
  for (const short of ['', '1f', '28b52f'])
    assert.equal(detectCompression(Buffer.from(short, 'hex')), 'none');
});

test('detectCompression() looks at the view, not at the buffer beneath', () => {
  const bytes = Buffer.concat([Buffer.from('xxx'), zstdCompressSync('x')]);
  assert.equal(detectCompression(bytes.subarray(3)), 'zstd');
  assert.equal(detectCompression(bytes), 'none');
});
