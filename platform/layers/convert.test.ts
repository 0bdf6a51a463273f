import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempDisposable, open, readFile, readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { isCodedError, type ErrorCode } from '@lade/errors';
import { digestOf } from '@lade/oci';
import { encodeTarEntry } from '@lade/tar';
import { convertLayer } from './convert.ts';
import { LAYER_FILES } from './layer-files.ts';
import type { ConvertLimits } from './layer-visitor.ts';
import { readLocalIndex } from './local-index.ts';
import { encodeTar, flipBit, noise, variedTar, type TestEntry } from './testing/test-layers.ts';

const TAR = variedTar(1);
const GZIP = gzipSync(TAR);
const ZSTD = zstdCompressSync(TAR);

/** The files that a layer becomes, in a folder that is gone afterwards. */
async function convert(layer: Uint8Array, limits?: ConvertLimits): Promise<ReadonlyMap<string, Buffer>> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-convert-'));
  const { diffId } = await convertLayer(inPieces(layer), folder.path, limits ? { limits } : {});
  assert.equal((await readLocalIndex(folder.path)).header.diffId, diffId);
  const names = (await readdir(folder.path)).sort();
  const { resident: _, ...written } = LAYER_FILES;
  assert.deepEqual(names, Object.values(written).sort());
  const files = names.map(async (name) => [name, await readFile(join(folder.path, name))] as const);
  return new Map([...(await Promise.all(files)), ['diff id', Buffer.from(diffId)]]);
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 10_007) yield bytes.subarray(at, at + 10_007);
}

async function refuses(
  layer: Uint8Array,
  code: ErrorCode,
  message: RegExp,
  limits?: ConvertLimits,
): Promise<void> {
  await assert.rejects(convert(layer, limits), (reason) => {
    assert.ok(isCodedError(reason, code), String(reason));
    assert.match(reason.message, message);
    assert.ok(reason.cure !== undefined, `no cure: ${reason.message}`);
    return true;
  });
}

test('plain, gzip in one or more members, and zstd give the same layer, byte for byte', async () => {
  const plain = await convert(TAR);
  assert.equal(String(plain.get('diff id')), digestOf(TAR));
  const half = TAR.length >> 1;
  for (const packed of [
    GZIP,
    Buffer.concat([gzipSync(TAR.subarray(0, half)), gzipSync(TAR.subarray(half))]),
    ZSTD,
    Buffer.concat([zstdCompressSync(TAR.subarray(0, half)), zstdCompressSync(TAR.subarray(half))]),
  ])
    assert.deepEqual(digests(await convert(packed)), digests(plain));
});

function digests(files: ReadonlyMap<string, Buffer>): string[] {
  return [...files].map(([name, bytes]) => `${name} ${digestOf(bytes)}`);
}

test('a layer without entries, and one without any bytes, are layers', async () => {
  for (const empty of [encodeTar(), Buffer.alloc(0), gzipSync(Buffer.alloc(0))])
    assert.equal((await convert(empty)).get(LAYER_FILES.blob)?.length, 0);
});

test('a compressed stream that is cut or damaged is refused', async () => {
  await refuses(GZIP.subarray(0, GZIP.length - 1000), 'data_loss', /Cannot decompress gzip data/);
  await refuses(GZIP.subarray(0, GZIP.length - 4), 'data_loss', /Cannot decompress gzip data/);
  await refuses(flipBit(GZIP.length >> 1)(GZIP), 'data_loss', /Cannot decompress gzip data/);
  await refuses(flipBit(-6)(GZIP), 'data_loss', /Cannot decompress gzip data.*incorrect data check/);
  await refuses(Buffer.concat([GZIP, noise(2, 600)]), 'data_loss', /gzip data/);
  await refuses(ZSTD.subarray(0, ZSTD.length - 1000), 'data_loss', /Cannot decompress zstd data/);
  await refuses(flipBit(10)(ZSTD), 'data_loss', /zstd data/);
  await refuses(Buffer.concat([ZSTD, noise(2, 600)]), 'data_loss', /zstd data/);
});

test('a tar that is cut or is none is refused, naming entry and offset, whatever it is packed in', async () => {
  for (const pack of [gzipSync, zstdCompressSync, (bytes: Buffer) => bytes]) {
    await refuses(
      pack(TAR.subarray(0, 500_000)),
      'data_loss',
      /tar entry "usr\/large" at byte \d+: the archive ends/,
    );
    await refuses(pack(TAR.subarray(0, 700)), 'data_loss', /tar header at byte \d+: the archive ends/);
    await refuses(pack(flipBit(3)(TAR)), 'data_loss', /tar header at byte 0/);
    await refuses(pack(noise(3, 5000)), 'data_loss', /tar header at byte 0/);
    await refuses(pack(Buffer.from('<html>not found</html>')), 'data_loss', /tar header/);
  }
});

test('entries that no image may hold are refused by name', async () => {
  const bad = (entry: TestEntry, message: RegExp): Promise<void> =>
    refuses(gzipSync(encodeTar({ path: 'ok', kind: 'directory' }, entry)), 'invalid_argument', message);
  await bad(
    { path: '../../etc/passwd', kind: 'file' },
    /"\.\.\/\.\.\/etc\/passwd": it leads out of the image/,
  );
  await bad({ path: '/ok/../../x', kind: 'directory' }, /it leads out/);
  await bad({ path: 'x', kind: 'hard-link', linkPath: 'nothing' }, /"x": it is a hard link to "nothing"/);
  await bad({ path: 'x', kind: 'hard-link', linkPath: '../../etc/shadow' }, /it leads out/);
  await bad({ path: 'x', kind: 'hard-link', linkPath: 'ok' }, /hard link to a directory/);
});

test('a layer larger than the limit is refused as soon as that is known', async () => {
  const limits = { maxTarBytes: 1 << 20, maxTreeBytes: 20_000 };
  const bomb = gzipSync(encodeTar({ path: 'zeros', kind: 'file', content: Buffer.alloc(64 << 20) }));
  await refuses(bomb, 'resource_exhausted', /more than the allowed 1048576 bytes/, limits);
  await refuses(TAR, 'resource_exhausted', /names and attributes take more than the allowed 20000 bytes/, {
    ...limits,
    maxTarBytes: 1 << 30,
  });
});

test('names, attributes and implied directories cannot fill the memory', async () => {
  const limits = { maxTarBytes: 1 << 30, maxTreeBytes: 1 << 20 };
  const tooMuch = /names and attributes take more than the allowed 1048576 bytes/;
  const deep = (i: number): TestEntry => ({ path: `${i}${'/d'.repeat(2000)}`, kind: 'file' });
  await refuses(encodeTar(deep(1), deep(2), deep(3)), 'resource_exhausted', tooMuch, limits);
  const xattrs = new Map([['user.a', noise(1, 60_000)]]);
  const heavy = Array.from({ length: 20 }, (_, i): TestEntry => ({ path: `f${i}`, kind: 'file', xattrs }));
  await refuses(encodeTar(...heavy), 'resource_exhausted', tooMuch, limits);
  const long = encodeTar({ path: `x${'/d'.repeat(2100)}`, kind: 'file' });
  await refuses(long, 'invalid_argument', /its path has 4201 bytes, Linux takes 4095/);
});

test('a bomb fills the disk no further than its limit', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-convert-'));
  const header = gzipSync(encodeTarEntry({ path: 'zeros', kind: 'file', sizeBytes: 10e9 }));
  const member = gzipSync(Buffer.alloc(64 << 20));
  async function* bomb(): AsyncGenerator<Uint8Array> {
    yield header;
    for (;;) yield member;
  }
  const limits = { maxTarBytes: 128 << 20, maxTreeBytes: 20_000 };
  await assert.rejects(convertLayer(bomb(), folder.path, { limits }), (e) =>
    isCodedError(e, 'resource_exhausted'),
  );
  assert.ok((await stat(join(folder.path, LAYER_FILES.blob))).size <= 128 << 20);
});

test('a sparse file becomes the file that it stands for, and is refused when that is too large', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-convert-'));
  const write = async (name: string, sizeBytes: number): Promise<Buffer> => {
    await using file = await open(join(folder.path, name), 'w');
    for (const at of [0, 5 << 20, (9 << 20) + 100]) await file.write(noise(at, 5000), 0, 5000, at);
    await file.truncate(sizeBytes);
    const args = ['--sparse', '--format=posix', '--mtime=@1', '--pax-option=delete=?time', '-c', name];
    return execFileSync('tar', args, { cwd: folder.path, maxBuffer: 2 ** 26 });
  };
  const tar = await write('modest', 12 << 20);
  assert.ok(tar.length < 100_000);
  const blob = (await convert(tar)).get(LAYER_FILES.blob);
  assert.deepEqual(blob, await readFile(join(folder.path, 'modest')));
  await refuses(await write('huge', 2 ** 39), 'resource_exhausted', /its files have more than the allowed/);
});

test('a conversion stops when its caller goes, even while the source is silent', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-convert-'));
  const stop = new AbortController();
  async function* silent(): AsyncGenerator<Uint8Array> {
    yield TAR.subarray(0, 300_000);
    setImmediate(() => stop.abort(new Error('gone')));
    await new Promise(() => {});
  }
  await assert.rejects(convertLayer(silent(), folder.path, { signal: stop.signal }), /gone/);
});
