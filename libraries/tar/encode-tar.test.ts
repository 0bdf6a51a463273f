import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { PullSource } from '@lade/streams';
import { encodeTar, type EncodableEntry, type TarMember } from './index.ts';
import { pseudoRandom, recordTar } from './testing/recording.ts';

interface File {
  readonly entry: EncodableEntry;
  readonly content: Buffer;
}

/** Hands its bytes out in pieces of at most the sizes that `nextSize` gives. */
function pull(bytes: Buffer, nextSize: () => number = () => Infinity): PullSource {
  let at = 0;
  return async (buffer) => {
    const piece = bytes.subarray(at, at + Math.min(buffer.byteLength, nextSize()));
    buffer.set(piece);
    at += piece.byteLength;
    return piece.byteLength;
  };
}

async function encode(files: readonly File[], nextSize?: () => number): Promise<Uint8Array[]> {
  async function* members(): AsyncGenerator<TarMember> {
    for (const { entry, content } of files) yield { entry, content: pull(content, nextSize) };
  }
  return Array.fromAsync(encodeTar(members()));
}

/** Files, directories and links with names, sizes and attributes of every awkward kind. */
function randomTree(seed: number): File[] {
  const random = pseudoRandom(seed);
  const pick = <T>(...values: T[]): T => values[random(values.length)]!;
  const name = (n: number): string =>
    pick('n', 'é\xff'.slice(1), '\n"\\', 'x'.repeat(120), `${'d/'.repeat(60)}y`) + String(n);
  return Array.from({ length: 60 }, (_, n) => {
    const kind = pick(
      'file',
      'file',
      'file',
      'directory',
      'symlink',
      'hard-link',
      'fifo',
    ) as EncodableEntry['kind'];
    const sizeBytes = kind === 'file' ? pick(0, 1, 511, 512, 513, random(5000), random(900_000)) : 0;
    const entry = {
      path: kind === 'directory' ? `${name(n)}/` : name(n),
      kind,
      linkPath: kind === 'symlink' || kind === 'hard-link' ? name(n - 1) : '',
      mode: random(0o10000),
      uid: pick(0, 1000, 2 ** 21, 4_000_000_000),
      gid: pick(0, 1000, 2 ** 21 - 1),
      sizeBytes,
      modified: { seconds: pick(0, -5, 1_700_000_000, 2 ** 34), nanoseconds: pick(0, 5, 999_999_999) },
      xattrs: new Map(random(4) === 0 ? [['user.\xff', Buffer.from([n, 0, 10, 61])]] : []),
    };
    return { entry, content: Buffer.alloc(sizeBytes, n) };
  });
}

test('TarDecoder reads back what encodeTar() was given, whatever it is', async () => {
  for (const seed of [1, 2, 3]) {
    const files = randomTree(seed);
    const archive = Buffer.concat(await encode(files));
    const random = pseudoRandom(seed);
    const { entries } = recordTar(archive, () => 1 + random(5000));
    assert.equal(entries.length, files.length);
    for (const [n, { entry, content }] of files.entries()) {
      const { content: decoded, ...rest } = entries[n]!;
      assert.deepEqual({ ...rest, ...entry }, rest);
      assert.ok(decoded.equals(content));
    }
  }
});

test('GNU tar lists what encodeTar() writes', async () => {
  const files = randomTree(4);
  const input = Buffer.concat(await encode(files));
  const listed = spawnSync('tar', ['-tPf', '-', '--quoting-style=escape'], { input, encoding: 'utf8' });
  assert.deepEqual([listed.stderr, listed.status], ['', 0]);
  assert.equal(listed.stdout.trimEnd().split('\n').length, files.length);
});

test('encodeTar() gives the same pieces however its contents come', async () => {
  const files = randomTree(5);
  const random = pseudoRandom(6);
  const pieces = await encode(files);
  for (const nextSize of [() => 1 + random(3000), () => 1 + random(100_000)])
    assert.deepEqual(await encode(files, nextSize), pieces);
  assert.ok(pieces.length > 1);
  assert.ok(pieces.slice(0, -1).every(({ byteLength }) => byteLength === 1 << 20));
});

test('encodeTar() of nothing is an empty archive', async () => {
  const archive = Buffer.concat(await encode([]));
  assert.ok(archive.equals(Buffer.alloc(1024)));
});

test('encodeTar() refuses a content that ends early, is missing, or gives more than it was asked for', async () => {
  const entry = { path: 'f', kind: 'file', sizeBytes: 10 } as const;
  const archive = async (content: PullSource | undefined): Promise<unknown> => {
    async function* members(): AsyncGenerator<TarMember> {
      yield content ? { entry, content } : { entry };
    }
    return Array.fromAsync(encodeTar(members()));
  };
  for (const content of [pull(Buffer.alloc(9)), undefined, async () => 11])
    await assert.rejects(archive(content), RangeError);
  const failure = new Error('cannot be read');
  await assert.rejects(
    archive(async () => Promise.reject(failure)),
    failure,
  );
});

test('encodeTar() holds a piece of a file of many gigabytes, and the next member waits', async () => {
  const sizeBytes = 3 * 2 ** 30;
  let isWritten = false;
  async function* members(): AsyncGenerator<TarMember> {
    let left = sizeBytes;
    const content: PullSource = async (buffer) => {
      left -= buffer.byteLength;
      return buffer.byteLength;
    };
    yield { entry: { path: 'large', kind: 'file', sizeBytes }, content };
    assert.equal(left, 0);
    isWritten = true;
  }
  let bytes = 0;
  const before = process.memoryUsage().arrayBuffers;
  let peak = 0;
  for await (const piece of encodeTar(members())) {
    bytes += piece.byteLength;
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
  }
  assert.ok(isWritten);
  assert.equal(bytes, 512 + sizeBytes + 1024);
  assert.ok(peak < 300 << 20, `${peak} bytes`);
});
