import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError, isCodedError } from '@lade/errors';
import { encodeTarEntry, TAR_END, TarDecoder } from './index.ts';
import { file, GNU, octal, pax, rawHeader, rawMember, withChecksum } from './testing/members.ts';
import { pseudoRandom, recordEveryCut, recordTar } from './testing/recording.ts';

function refuses(archive: Uint8Array, message: RegExp): void {
  assert.throws(
    () => recordTar(archive),
    (error) => {
      assert.ok(isCodedError(error, 'data_loss'), String(error));
      assert.match(error.message, message);
      return true;
    },
  );
}

test('TarDecoder refuses sparse maps that make no sense', () => {
  const sparse = (map: string, stored: number): Buffer =>
    Buffer.concat([
      pax('x', { 'GNU.sparse.size': '100', 'GNU.sparse.map': map }),
      rawMember({}, 'x'.repeat(stored)),
    ]);
  assert.deepEqual(recordEveryCut(sparse('5,10,90,10', 20)).entries[0]?.sparse?.length, 2);
  assert.deepEqual(recordEveryCut(sparse('100,0', 0)).entries[0]?.sparse, []);
  for (const [map, stored] of [
    ['5,10,10,10', 20],
    ['50,10,0,10', 20],
    ['95,10', 10],
    ['5,10', 11],
    ['5', 0],
    ['5,x', 5],
    ['-5,5', 5],
  ] as const)
    refuses(sparse(map, stored), /^Cannot read tar entry "name" at byte 1024: its sparse map/);
  const version1 = (map: string): Buffer =>
    Buffer.concat([
      pax('x', { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '9' }),
      rawMember({}, map),
    ]);
  for (const map of ['x\n', '1\n', '1\n0\n-1\n', '99999999999\n', '', '1'.repeat(600)])
    refuses(Buffer.concat([version1(map), TAR_END]), /its sparse map/);
});

test('TarDecoder refuses malformed headers and records, saying which and where', () => {
  const first = file({ path: 'first' }, 'x');
  const after = (...parts: Uint8Array[]): Buffer => Buffer.concat([first, ...parts]);
  const header = rawHeader({});
  header.writeUInt8(1, 300);
  refuses(after(header), /^Cannot read tar header at byte 1024: its header has a wrong checksum$/);
  refuses(after(Buffer.alloc(512, 'junk')), /at byte 1024: its checksum field is not a number/);
  refuses(after(rawHeader({ at: { 124: '\xff'.repeat(12) } })), /at byte 1024: its size/);
  refuses(
    after(rawHeader({ at: { 124: '\xbf'.repeat(12) } })),
    /at byte 1024: its size field is out of range/,
  );
  refuses(after(rawHeader({ at: { 108: 'root' } })), /its uid field/);
  refuses(
    after(rawMember({ type: 'x' }, '10 path=ab'), rawHeader({})),
    /its extended header has a bad record/,
  );
  refuses(after(pax('x', { size: '-1' }), rawHeader({})), /at byte 2048: its size/);
  refuses(after(pax('x', { size: '1e3' }), rawHeader({})), /its size/);
  refuses(after(pax('x', { uid: 'root' }), rawHeader({})), /its uid record/);
  refuses(after(pax('x', { mtime: 'now' }), rawHeader({})), /its mtime record/);
  refuses(after(pax('x', { path: 'a\0b' }), rawHeader({})), /its path record has a NUL/);
});

test('TarDecoder names the same offset however the archive is cut', () => {
  const archive = Buffer.concat([file({ path: 'first' }, 'x'), rawMember({ type: 'x' }, '10 path=ab')]);
  for (const size of [1, 100, 513, 4096])
    assert.throws(() => recordTar(archive, () => size), /^CodedError: Cannot read tar header at byte 1024: /);
});

test('TarDecoder shows UTF-8 names readably in its errors', () => {
  const name = Buffer.from('é').toString('latin1');
  refuses(rawHeader({ name, size: 1 }), /^Cannot read tar entry "é" at byte 512: the archive ends/);
});

test('TarDecoder holds no more of an extension than allowed', () => {
  const limits = { maxExtensionBytes: 2000 };
  const record = (archive: Buffer): unknown => recordTar(archive, undefined, limits);
  const tooMuch = (error: unknown): boolean =>
    isCodedError(error, 'data_loss') && /allowed 2000/.test(error.message);
  const long = (bytes: number): Buffer => rawMember({ type: 'L', magic: GNU }, 'n'.repeat(bytes));
  record(Buffer.concat([long(2000), rawHeader({})]));
  assert.throws(() => record(long(2001)), tooMuch);
  const globals = ['a', 'b', 'c'].map((keyword) => pax('g', { [keyword]: 'v'.repeat(900) }));
  record(Buffer.concat(globals.slice(0, 2)));
  assert.throws(() => record(Buffer.concat(globals)), tooMuch);
  const endless = Buffer.alloc(512, octal(0, 0));
  const sparse = rawHeader({ type: 'S', magic: GNU, at: { 482: '\x01' } });
  assert.throws(() => record(Buffer.concat([sparse, ...Array<Buffer>(5).fill(endless)])), tooMuch);
});

/** One of everything, for the tests that damage it. */
const SAMPLE = Buffer.concat([
  pax('g', { comment: 'x' }),
  file({ path: 'a'.repeat(300), xattrs: new Map([['user.a', Buffer.from('v')]]) }, 'y'.repeat(700)),
  rawMember({ type: 'L', magic: GNU }, 'n'.repeat(200)),
  rawMember({ magic: GNU }, 'gnu'),
  rawHeader({ type: 'S', magic: GNU, size: 4, at: { 386: octal(9, 4), 482: '\x01', 483: octal(50) } }),
  Buffer.concat([Buffer.from(octal(20, 0)), Buffer.alloc(488), Buffer.alloc(512, 'd')]),
  pax('x', { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '99' }),
  rawMember({}, `1\n4\n3\n${'\0'.repeat(506)}abc`),
  encodeTarEntry({ path: 'link', kind: 'symlink', linkPath: 'a' }),
  rawMember({ type: 'V' }, 'label'),
  TAR_END,
]);

test('TarDecoder reports an archive that stops anywhere inside an entry', () => {
  const sample = recordEveryCut(SAMPLE);
  assert.equal(sample.entries.length, 5);
  const borders = new Set([0, 1024]);
  const decoder = new TarDecoder({ raw() {}, entry() {}, data() {} });
  for (let at = 0; at < SAMPLE.byteLength; at += 512) {
    if (acceptsEnd(decoder)) borders.add(at);
    decoder.write(SAMPLE.subarray(at, at + 512));
  }
  assert.equal(borders.size, 9, 'start, global header, 5 entries, label, one end block');
  for (let length = 0; length <= SAMPLE.byteLength - 512; length += length % 512 === 0 ? 1 : 511) {
    const cut = SAMPLE.subarray(0, length);
    if (borders.has(length)) assert.ok(recordTar(cut).bytes.equals(cut));
    else if (length < SAMPLE.byteLength - 1024) refuses(cut, /the archive ends in the middle of it/);
  }
});

function acceptsEnd(decoder: TarDecoder): boolean {
  try {
    decoder.end();
    return true;
  } catch {
    return false;
  }
}

test('TarDecoder answers damaged archives with coded errors only, and never loses a byte of what it accepts', () => {
  const random = pseudoRandom(42);
  let accepted = 0;
  for (let round = 0; round < 4000; round++) {
    const damaged = Buffer.from(SAMPLE);
    const block = random(damaged.byteLength / 512) * 512;
    for (let flips = random(4); flips >= 0; flips--) {
      const at = block + random(512);
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << random(8)), at);
    }
    if (random(4) > 0) withChecksum(damaged.subarray(block));
    try {
      assert.ok(recordTar(damaged, () => 1 + random(3000)).bytes.equals(damaged));
      accepted++;
    } catch (error) {
      assert.ok(error instanceof CodedError && error.code === 'data_loss', String(error));
    }
  }
  assert.ok(accepted > 100 && accepted < 3900, `${accepted} accepted`);
});
