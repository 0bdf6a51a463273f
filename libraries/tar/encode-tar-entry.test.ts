import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { encodeTarEntry, TAR_END, tarPadding, type EncodableEntry } from './index.ts';
import { recordEveryCut } from './testing/recording.ts';

const GOLDEN_HEADER = Buffer.concat([
  Buffer.from('etc/hostname'.padEnd(100, '\0')),
  Buffer.from('0000640\x000000012\x000000034\x00'),
  Buffer.from('00000000006\x0014524563400\x00011565\0 '),
  Buffer.from('0'.padEnd(101, '\0')),
  Buffer.from('ustar\x0000'.padEnd(72, '\0')),
  Buffer.from('0000000\x000000000\x00'.padEnd(183, '\0')),
]);

const EDGE_CASES: EncodableEntry[] = [
  { path: 'd/', kind: 'directory' },
  { path: 'n'.repeat(100), kind: 'file', mode: 0o7777 },
  { path: 'n'.repeat(101), kind: 'file' },
  { path: `${'p'.repeat(155)}/${'n'.repeat(100)}`, kind: 'file' },
  { path: `${'p'.repeat(156)}/${'n'.repeat(100)}`, kind: 'file' },
  { path: `/${'n'.repeat(100)}`, kind: 'file' },
  { path: `${'p'.repeat(100)}/`, kind: 'directory' },
  { path: `${'a/'.repeat(300)}caf\xe9\xff`, kind: 'file' },
  { path: 'link', kind: 'symlink', linkPath: 'l'.repeat(100) },
  { path: 'long-link', kind: 'hard-link', linkPath: `\xff${'l'.repeat(100)}` },
  { path: 'ids', kind: 'file', uid: 0o7777777, gid: 0o10000000 },
  { path: 'old', kind: 'file', modified: { seconds: -2, nanoseconds: 250_000_000 } },
  { path: 'late', kind: 'file', modified: { seconds: 8 ** 11, nanoseconds: 0 } },
  { path: 'precise', kind: 'fifo', modified: { seconds: 1, nanoseconds: 1 } },
  { path: 'sda', kind: 'block-device', device: { major: 8, minor: 0o7777777 } },
  { path: 'null', kind: 'character-device', device: { major: 1, minor: 3 } },
  {
    path: 'xattrs',
    kind: 'file',
    xattrs: new Map([
      ['user.\xff', Buffer.from('=\n\0\xff', 'latin1')],
      ['security.capability', Buffer.from([1, 0, 0, 2])],
      ['user.empty', Buffer.alloc(0)],
    ]),
  },
];

test('encodeTarEntry() writes exactly the ustar block that the standard asks for', () => {
  const header = encodeTarEntry({
    path: 'etc/hostname',
    kind: 'file',
    mode: 0o640,
    uid: 0o12,
    gid: 0o34,
    sizeBytes: 6,
    modified: { seconds: 0o14524563400, nanoseconds: 0 },
  });
  assert.deepEqual(Buffer.from(header), GOLDEN_HEADER);
});

test('encodeTarEntry() needs an extended header only for what ustar cannot say', () => {
  const blocks = EDGE_CASES.map((entry) => encodeTarEntry(entry).byteLength / 512);
  assert.deepEqual(blocks, [1, 1, 3, 1, 3, 3, 3, 4, 1, 3, 3, 3, 3, 3, 1, 1, 3]);
});

test('encodeTarEntry() gives equal entries equal bytes, whatever the order of their xattrs', () => {
  const xattrs = [...EDGE_CASES.at(-1)!.xattrs!];
  const entry = { path: 'x', kind: 'file' } as const;
  assert.deepEqual(
    encodeTarEntry({ ...entry, xattrs: new Map(xattrs) }),
    encodeTarEntry({ ...entry, xattrs: new Map(xattrs.toReversed()) }),
  );
});

test('TarDecoder gives back what encodeTarEntry() was given', () => {
  const { entries } = recordEveryCut(
    Buffer.concat([...EDGE_CASES.map((entry) => encodeTarEntry(entry)), TAR_END]),
  );
  assert.equal(entries.length, EDGE_CASES.length);
  for (const [i, expected] of EDGE_CASES.entries()) {
    const { xattrs, ...rest } = expected;
    const decoded = entries[i]!;
    assert.deepEqual({ ...decoded, ...rest }, decoded);
    assert.deepEqual(
      [...decoded.xattrs].toSorted(),
      [...(xattrs ?? [])].map(([name, value]) => [name, Buffer.from(value)]).toSorted(),
    );
  }
});

test('encodeTarEntry() states sizes beyond the octal field', () => {
  const sizeBytes = 8 ** 11;
  const header = encodeTarEntry({ path: 'huge', kind: 'file', sizeBytes });
  assert.match(Buffer.from(header).toString('latin1'), /19 size=8589934592\n/);
});

test('GNU tar lists what encodeTarEntry() writes', () => {
  const content = Buffer.from('content');
  const archive = Buffer.concat([
    ...EDGE_CASES.map((entry) => encodeTarEntry(entry)),
    encodeTarEntry({ path: 'last', kind: 'file', sizeBytes: content.byteLength }),
    content,
    tarPadding(content.byteLength),
    TAR_END,
  ]);
  const listed = spawnSync('tar', ['-tPvf', '-', '--quoting-style=escape'], {
    input: archive,
    encoding: 'utf8',
  });
  assert.equal(listed.stderr, '');
  assert.equal(listed.status, 0);
  const lines = listed.stdout.trimEnd().split('\n');
  assert.equal(lines.length, EDGE_CASES.length + 1);
  assert.match(lines.at(-1)!, /^-rw-r--r-- 0\/0 +7 1970-01-01 \d\d:\d\d last$/);
  assert.match(lines.at(-3)!, /^crw-r--r-- 0\/0 +1,3 /);
});

test('tarPadding() fills the last block', () => {
  for (const [size, padding] of [
    [0, 0],
    [1, 511],
    [512, 0],
    [2 ** 40 + 1, 511],
  ] as const)
    assert.equal(tarPadding(size).byteLength, padding);
});

test('encodeTarEntry() refuses what no archive can hold', () => {
  const file = { path: 'x', kind: 'file' } as const;
  for (const bad of [
    { path: 'a\0b' },
    { path: '€' },
    { linkPath: '\u0100' },
    { xattrs: new Map([['user.a=b', Buffer.alloc(0)]]) },
    { sparse: [] },
  ])
    assert.throws(() => encodeTarEntry({ ...file, ...bad }), TypeError);
  for (const bad of [
    { sizeBytes: -1 },
    { sizeBytes: 0.5 },
    { mode: 0o10000 },
    { uid: NaN },
    { gid: -1 },
    { device: { major: 2 ** 24, minor: 0 } },
    { modified: { seconds: 0, nanoseconds: 1e9 } },
    { kind: 'symlink', sizeBytes: 1 } as const,
  ])
    assert.throws(() => encodeTarEntry({ ...file, ...bad }), RangeError);
});
