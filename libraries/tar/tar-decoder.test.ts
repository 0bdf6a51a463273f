import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeTarEntry, TAR_END, TarDecoder } from './index.ts';
import { file, GNU, octal, pax, rawHeader, rawMember } from './testing/members.ts';
import { recordEveryCut } from './testing/recording.ts';

function pathsIn(...parts: Uint8Array[]): string[] {
  return recordEveryCut(Buffer.concat(parts)).entries.map((entry) => entry.path);
}

test('TarDecoder tells header, entry and data of each member in order, and everything after the end as raw', () => {
  const calls: string[] = [];
  const decoder = new TarDecoder({
    raw: (bytes) => void calls.push(`raw ${bytes.byteLength}`),
    entry: (entry) => void calls.push(`entry ${entry.path}`),
    data: (bytes) => void calls.push(`data ${Buffer.from(bytes).toString()}`),
  });
  const long = 'd/'.repeat(150);
  decoder.write(
    Buffer.concat([file({ path: 'a' }, 'hello'), encodeTarEntry({ path: long, kind: 'directory' }), TAR_END]),
  );
  decoder.write(Buffer.from('anything at all'));
  decoder.end();
  assert.deepEqual(calls, [
    'raw 512',
    'entry a',
    'data hello',
    'raw 507',
    'raw 512',
    'raw 310',
    'raw 202',
    'raw 512',
    `entry ${long}`,
    'raw 512',
    'raw 512',
    'raw 15',
  ]);
});

test('TarDecoder accepts a missing or single end block, and ends at the first', () => {
  const member = file({ path: 'a' }, 'x');
  const zeros = Buffer.alloc(512);
  assert.deepEqual(pathsIn(), []);
  assert.deepEqual(pathsIn(member), ['a']);
  assert.deepEqual(pathsIn(member, zeros), ['a']);
  assert.deepEqual(pathsIn(member, TAR_END, Buffer.alloc(10_240)), ['a']);
  assert.deepEqual(pathsIn(member, TAR_END, member, Buffer.from('short')), ['a']);
});

test('TarDecoder reads names of every header family', () => {
  const split = { name: 'name', at: { 345: 'some/prefix' } };
  assert.deepEqual(pathsIn(rawHeader(split)), ['some/prefix/name']);
  assert.deepEqual(pathsIn(rawHeader({ ...split, magic: '' })), ['name']);
  assert.deepEqual(pathsIn(rawHeader({ magic: GNU, at: { 345: octal(1_700_000_000) } })), ['name']);
  const star = { 345: 'p'.repeat(131), 476: octal(1, 2), 508: 'tar\0' };
  assert.deepEqual(pathsIn(rawHeader({ at: star })), [`${'p'.repeat(131)}/name`]);
  assert.deepEqual(pathsIn(rawHeader({ name: 'n'.repeat(100), at: { 345: 'p'.repeat(155) } })), [
    `${'p'.repeat(155)}/${'n'.repeat(100)}`,
  ]);
});

test('TarDecoder reads the prefix that Go before 1.8 put into GNU headers', () => {
  assert.deepEqual(pathsIn(rawHeader({ magic: GNU, at: { 345: 'usr/share' } })), ['usr/share/name']);
});

test('TarDecoder takes a regular file whose name ends in a slash for a directory', () => {
  for (const type of ['0', '\0', '7']) {
    const [entry] = recordEveryCut(rawHeader({ name: 'dir/', type, magic: '' })).entries;
    assert.equal(entry?.kind, 'directory');
  }
  const v7 = rawHeader({ name: 'dir/', type: '\0', magic: '', size: 512 });
  assert.deepEqual(pathsIn(v7, file({ path: 'next' }, '')), ['dir/', 'next']);
  const { entries } = recordEveryCut(
    Buffer.concat([rawMember({ name: 'dir/' }, 'ignored'), file({ path: 'next' }, '')]),
  );
  assert.deepEqual(
    entries.map(({ path, sizeBytes }) => [path, sizeBytes]),
    [
      ['dir/', 0],
      ['next', 0],
    ],
  );
});

test('TarDecoder ignores the size of everything that has no data', () => {
  for (const type of ['1', '2', '3', '4', '5', '6']) {
    const { entries } = recordEveryCut(
      Buffer.concat([rawHeader({ type, size: 4096 }), file({ path: 'next' }, 'x')]),
    );
    assert.deepEqual(
      entries.map(({ path, sizeBytes, storedBytes }) => [path, sizeBytes, storedBytes]),
      [
        ['name', 0, 0],
        ['next', 1, 1],
      ],
    );
  }
});

test('TarDecoder passes types that it does not know as raw, with their data', () => {
  for (const type of ['V', 'M', 'N', 'Z', '9', ' ', '\xff'])
    assert.deepEqual(pathsIn(rawMember({ type }, 'x'.repeat(600)), file({ path: 'next' }, '')), ['next']);
});

test('TarDecoder applies GNU long names and links to the next entry only', () => {
  const [name, link] = ['n'.repeat(5000), 'l'.repeat(600)];
  const { entries } = recordEveryCut(
    Buffer.concat([
      rawMember({ type: 'K', magic: GNU }, `${link}\0`),
      rawMember({ type: 'L', magic: GNU }, `${name}\0`),
      rawHeader({ type: '2', magic: GNU }),
      rawHeader({ type: '2', magic: GNU, at: { 157: 'target' } }),
    ]),
  );
  assert.deepEqual(
    entries.map(({ path, linkPath }) => [path, linkPath]),
    [
      [name, link],
      ['name', 'target'],
    ],
  );
});

test('TarDecoder applies extended headers to the next entry and global ones to all that follow', () => {
  const { entries } = recordEveryCut(
    Buffer.concat([
      pax('g', { uid: '7', mtime: '5.5', comment: 'x' }),
      pax('x', { path: 'one', size: '3', uid: '-2', gid: '4000000', 'SCHILY.xattr.user.a': '\0=\n' }),
      rawMember({}, 'abc'),
      pax('g', { mtime: '6' }),
      pax('X', { path: '', linkpath: 'l\xff', uid: '' }),
      rawMember({ name: 'two', at: { 108: '0000012\0' } }, ''),
    ]),
  );
  const [one, two] = entries;
  assert.equal(one?.path, 'one');
  assert.equal(one.content.toString(), 'abc');
  assert.deepEqual(
    [one.uid, one.gid, one.modified],
    [-2, 4_000_000, { seconds: 5, nanoseconds: 500_000_000 }],
  );
  assert.deepEqual([...one.xattrs], [['user.a', Buffer.from('\0=\n')]]);
  assert.deepEqual([two?.path, two?.linkPath, two?.uid, two?.gid], ['two', 'l\xff', 10, 0]);
  assert.deepEqual(two?.modified, { seconds: 6, nanoseconds: 0 });
  assert.equal(two?.xattrs.size, 0);
});

test('TarDecoder trusts the size of an extended header over that of the header', () => {
  const archive = Buffer.concat([pax('x', { size: '600' }), rawHeader({ size: 1 }), Buffer.alloc(1024, 'x')]);
  assert.equal(recordEveryCut(archive).entries[0]?.content.byteLength, 600);
});

test('TarDecoder reads old GNU sparse maps across extension blocks', () => {
  const regions = Array.from({ length: 30 }, (_, i) => [i * 4096, 10]).flat();
  const size = 200_000;
  const blockAt = (from: number, next: boolean): Buffer => {
    const block = Buffer.alloc(512);
    block.write(octal(...regions.slice(from, from + 42)), 'latin1');
    block.writeUInt8(next ? 1 : 0, 504);
    return block;
  };
  const archive = Buffer.concat([
    rawHeader({
      type: 'S',
      magic: GNU,
      size: 300,
      at: { 386: octal(...regions.slice(0, 8)), 482: '\x01', 483: octal(size) },
    }),
    blockAt(8, true),
    blockAt(50, false),
    Buffer.alloc(512, 'd'),
  ]);
  const [entry] = recordEveryCut(archive).entries;
  assert.deepEqual([entry?.kind, entry?.sizeBytes, entry?.storedBytes], ['file', size, 300]);
  assert.deepEqual(
    entry?.sparse?.flatMap(({ offsetBytes, sizeBytes }) => [offsetBytes, sizeBytes]),
    regions,
  );
});

test('TarDecoder passes on what its visitor throws', () => {
  const failure = new Error('disk full');
  const fail = (): never => {
    throw failure;
  };
  const decoder = new TarDecoder({ raw() {}, entry: fail, data() {} });
  assert.throws(() => decoder.write(rawHeader({})), failure);
});
