import assert from 'node:assert/strict';
import { isCodedError, type ErrorCode } from '@lade/errors';
import { collectBytes, type ByteSource } from '@lade/streams';
import type { Bucket } from './bucket.ts';

/** Tests by their names; each gets an empty bucket. */
export type ConformanceCases = Readonly<Record<string, (bucket: Bucket) => Promise<void>>>;

/** Asserts that a promise fails with that code and a message that names `key`. */
export async function rejects(code: ErrorCode, promise: Promise<unknown>, key: string): Promise<void> {
  await assert.rejects(promise, (reason: unknown) => {
    assert.ok(isCodedError(reason), String(reason));
    assert.equal(reason.code, code, reason.message);
    assert.ok(reason.message.includes(key), reason.message);
    return true;
  });
}

export async function textOf(body: ByteSource): Promise<string> {
  return Buffer.from(await collectBytes(body, 1 << 20)).toString();
}

export async function keysOf(bucket: Bucket, prefix: string, startAfter = ''): Promise<string[]> {
  return (await Array.fromAsync(bucket.list(prefix, { startAfter }))).map(({ key }) => key);
}

export async function* pieces(...texts: readonly string[]): ByteSource {
  for (const text of texts) yield Buffer.from(text);
}

/** `sizeBytes` bytes that differ everywhere, made while they are read. */
export async function* generated(sizeBytes: number, chunkBytes = 1 << 20): ByteSource {
  for (let at = 0; at < sizeBytes; at += chunkBytes) {
    const chunk = Buffer.alloc(Math.min(chunkBytes, sizeBytes - at), at % 251);
    if (chunk.byteLength >= 4) chunk.writeUInt32LE(at);
    yield chunk;
  }
}
