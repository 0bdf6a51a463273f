import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempDisposable, open, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { encodeTarEntry, TAR_END, tarPadding, type EncodableEntry } from './index.ts';
import { recordEveryCut, type Recording } from './testing/recording.ts';

type Tree = Map<string, EncodableEntry & { readonly content?: string }>;

const MODIFIED = { seconds: 1_700_000_000, nanoseconds: 0 };
const PRECISE = { seconds: 1_700_000_000, nanoseconds: 123_456_789 };
const DEEP = `tree/${'d'.repeat(200)}`;
/** What tar cannot make without root. */
const isRoot = process.getuid?.() === 0;

/** What the oldest format can say, then what each later one adds. */
const BASIC = treeOf([
  { path: 'tree/', kind: 'directory', mode: 0o750 },
  { path: 'tree/plain', kind: 'file', mode: 0o4755, uid: 1000, gid: 1001, content: 'hello' },
  { path: 'tree/empty', kind: 'file' },
  { path: 'tree/caf\xe9 \xff\n"\\', kind: 'file', content: 'x'.repeat(1024) },
  { path: 'tree/hard', kind: 'hard-link', linkPath: 'tree/plain', mode: 0o4755, uid: 1000, gid: 1001 },
  { path: 'tree/soft', kind: 'symlink', mode: 0o777, linkPath: 'to/\xff' },
]);
const USTAR = treeOf([
  ...BASIC.values(),
  { path: `${DEEP.slice(0, 99)}/`, kind: 'directory' },
  { path: `${DEEP.slice(0, 99)}/${'n'.repeat(90)}`, kind: 'file', content: 'long' },
  { path: 'tree/fifo', kind: 'fifo' },
  { path: 'tree/null', kind: 'character-device', device: { major: 1, minor: 3 } },
  { path: 'tree/disk', kind: 'block-device', device: { major: 8, minor: 300 } },
]);
const GNU = treeOf([
  ...USTAR.values(),
  { path: `${DEEP}/`, kind: 'directory' },
  { path: `${DEEP}/${'n'.repeat(200)}\xff`, kind: 'file', content: 'very long' },
  { path: 'tree/far', kind: 'symlink', mode: 0o777, linkPath: 'far/'.repeat(70) },
  { path: 'tree/ids', kind: 'file', uid: 3_000_000, gid: 4_000_000_000 },
  { path: 'tree/old', kind: 'file', modified: { seconds: -86_400, nanoseconds: 0 } },
]);
const PAX = treeOf([
  ...GNU.values(),
  { path: 'tree/precise', kind: 'file', modified: PRECISE },
  { path: 'tree/early', kind: 'file', modified: { seconds: -2, nanoseconds: 500_000_000 } },
  { path: 'tree/xattrs', kind: 'file', xattrs: new Map([['user.lade', Buffer.from('=\n\0\xff', 'latin1')]]) },
]);

function treeOf(entries: (EncodableEntry & { readonly content?: string })[]): Tree {
  return new Map(entries.map((entry) => [entry.path, { modified: MODIFIED, ...entry }]));
}

function encodeTree(tree: Tree): Buffer {
  const parts: Uint8Array[] = [];
  for (const { content = '', ...entry } of tree.values())
    parts.push(
      encodeTarEntry({ ...entry, sizeBytes: content.length }),
      Buffer.from(content),
      tarPadding(content.length),
    );
  return Buffer.concat([...parts, TAR_END]);
}

function tar(folder: string, args: string[], input?: Buffer): Buffer {
  const run = spawnSync('tar', ['-C', folder, ...args], {
    maxBuffer: 1 << 26,
    ...(input ? { input } : {}),
    env: { ...process.env, LC_ALL: 'C' },
  });
  assert.equal(run.status, 0, `tar ${args.join(' ')}: ${run.error ?? run.stderr.toString()}`);
  return run.stdout;
}

/** Skips where a tool or right is missing, but fails there in CI. */
function isMissing(t: TestContext, what: string, present: boolean): boolean {
  if (present) return false;
  assert.ok(!process.env['CI'], `${what} is missing`);
  t.skip(`${what} IS MISSING: nothing was tested`);
  return true;
}

function assertTree(recording: Recording, tree: Tree): void {
  assert.deepEqual(
    recording.entries.map((entry) => entry.path),
    [...tree.keys()],
  );
  for (const entry of recording.entries) {
    const { content = '', xattrs = new Map(), ...expected } = tree.get(entry.path)!;
    assert.deepEqual({ ...entry, ...expected }, entry);
    assert.equal(entry.content.toString(), content, entry.path);
    for (const [name, value] of xattrs) assert.deepEqual(entry.xattrs.get(name), value);
  }
}

for (const [format, tree] of Object.entries({ v7: BASIC, ustar: USTAR, oldgnu: GNU, gnu: GNU, pax: PAX })) {
  test(`TarDecoder reads back from GNU tar's ${format} archive what encodeTarEntry() made it unpack`, async (t) => {
    if (isMissing(t, 'root', isRoot)) return;
    await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-tar-'));
    const xattrs = ['--xattrs', '--xattrs-include=user.*'];
    tar(folder.path, ['-xpf', '-', '--numeric-owner', ...xattrs], encodeTree(tree));
    const list = join(folder.path, 'list');
    await writeFile(list, Buffer.from([...tree.keys()].join('\0'), 'latin1'));
    const options = ['--numeric-owner', '--no-recursion', ...(format === 'pax' ? xattrs : [])];
    const archive = tar(folder.path, ['-c', `--format=${format}`, ...options, '--null', '-T', list]);
    assertTree(recordEveryCut(archive), tree);
  });
}

const SPARSE_SIZE = 3_000_000;
const DATA_AT: Record<string, number[]> = {
  empty: [],
  middle: [1_000_000],
  ends: [0, SPARSE_SIZE - 1],
  many: Array.from({ length: 60 }, (_, i) => 10_000 + i * 40_000),
};

for (const options of [
  ['--format=oldgnu'],
  ['--format=gnu'],
  ['--format=pax', '--sparse-version=0.0'],
  ['--format=pax', '--sparse-version=0.1'],
  ['--format=pax', '--sparse-version=1.0'],
]) {
  test(`TarDecoder places the data of GNU tar's sparse files (${options.join(' ')})`, async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-tar-'));
    for (const [name, offsets] of Object.entries(DATA_AT)) {
      await using file = await open(join(folder.path, name), 'w');
      await file.truncate(SPARSE_SIZE);
      for (const offset of offsets) await file.write('#', offset);
    }
    const names = Object.keys(DATA_AT);
    const archive = tar(folder.path, ['-c', '--sparse', '--hole-detection=raw', ...options, ...names]);
    const { entries } = recordEveryCut(archive);
    assert.deepEqual(
      entries.map((entry) => entry.path),
      names,
    );
    for (const entry of entries) {
      assert.ok(entry.sparse && entry.storedBytes < SPARSE_SIZE / 2, entry.path);
      assert.equal(entry.sizeBytes, SPARSE_SIZE);
      const expanded = Buffer.alloc(SPARSE_SIZE);
      let from = 0;
      for (const { offsetBytes, sizeBytes } of entry.sparse)
        from += entry.content.copy(expanded, offsetBytes, from, from + sizeBytes);
      assert.ok(expanded.equals(await readFile(join(folder.path, entry.path))), entry.path);
    }
  });
}

const PYTHON_ARCHIVE = `
import io, sys, tarfile
archive = tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=getattr(tarfile, sys.argv[1]),
                       encoding="latin1", pax_headers={"comment": "global"} if sys.argv[1] == "PAX_FORMAT" else None)
def add(name, kind, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(data)
    info.mtime = 1700000000
    for field, value in fields.items():
        setattr(info, field, value)
    archive.addfile(info, io.BytesIO(data))
add("dir", tarfile.DIRTYPE, mode=0o755)
add("p" * 60 + "/" + "n" * 90, tarfile.REGTYPE, b"data" * 300, uid=12, gid=34)
add("link", tarfile.SYMTYPE, linkname="to", mode=0o777)
add("dev", tarfile.CHRTYPE, devmajor=4, devminor=64)
if sys.argv[1] != "USTAR_FORMAT":
    add("x" * 400, tarfile.REGTYPE, b"y", uid=5000000)
archive.close()
`;

for (const format of ['USTAR_FORMAT', 'GNU_FORMAT', 'PAX_FORMAT']) {
  test(`TarDecoder reads archives of Python's tarfile (${format})`, (t) => {
    const run = spawnSync('python3', ['-c', PYTHON_ARCHIVE, format], { maxBuffer: 1 << 26 });
    if (isMissing(t, 'python3', run.error === undefined)) return;
    assert.equal(run.status, 0, run.stderr.toString());
    const tree = treeOf([
      { path: 'dir/', kind: 'directory', mode: 0o755 },
      {
        path: `${'p'.repeat(60)}/${'n'.repeat(90)}`,
        kind: 'file',
        uid: 12,
        gid: 34,
        content: 'data'.repeat(300),
      },
      { path: 'link', kind: 'symlink', linkPath: 'to', mode: 0o777 },
      { path: 'dev', kind: 'character-device', device: { major: 4, minor: 64 } },
    ]);
    const long = {
      path: 'x'.repeat(400),
      kind: 'file',
      uid: 5_000_000,
      modified: MODIFIED,
      content: 'y',
    } as const;
    if (format !== 'USTAR_FORMAT') tree.set(long.path, long);
    assertTree(recordEveryCut(run.stdout), tree);
  });
}
