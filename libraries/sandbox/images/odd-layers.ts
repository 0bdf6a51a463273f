import { fromBytes, type ByteSource } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding, type EncodableEntry } from '@lade/tar';

/** Names are byte strings. */
interface OddEntry extends EncodableEntry {
  readonly content?: Uint8Array;
  /** Further pax records, by keyword. */
  readonly records?: Readonly<Record<string, string>>;
}

/** VFS_CAP_REVISION_2 with the effective flag and CAP_NET_RAW (bit 13) permitted: capabilities(7). */
const CAPABILITY = '\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00';

const LONG_NAME = 'n'.repeat(255);
const DEEP = ['odd/deep', ...['a', 'b', 'c', 'd'].map((c) => c.repeat(90))];

const MODIFIED = at(1_700_000_000);

function at(seconds: number, nanoseconds = 0): EncodableEntry['modified'] & object {
  return { seconds, nanoseconds };
}

function file(path: string, text = path, rest: Partial<OddEntry> = {}): OddEntry {
  return { path, kind: 'file', content: Buffer.from(text, 'latin1'), modified: MODIFIED, ...rest };
}

function folder(path: string, rest: Partial<OddEntry> = {}): OddEntry {
  return { path: `${path}/`, kind: 'directory', modified: MODIFIED, ...rest };
}

function symlink(path: string, linkPath: string, rest: Partial<OddEntry> = {}): OddEntry {
  return { path, kind: 'symlink', linkPath, mode: 0o777, modified: MODIFIED, ...rest };
}

function hardLink(path: string, linkPath: string): OddEntry {
  return { path, kind: 'hard-link', linkPath, modified: MODIFIED };
}

function special(path: string, kind: OddEntry['kind'], rest: Partial<OddEntry>): OddEntry {
  return { path, kind, modified: MODIFIED, ...rest };
}

function xattrs(values: Readonly<Record<string, string>>): Map<string, Uint8Array> {
  return new Map(Object.entries(values).map(([name, value]) => [name, Buffer.from(value, 'latin1')]));
}

const BASE_ENTRIES: readonly OddEntry[] = [
  folder('odd'),
  file('odd/empty', ''),
  file('odd/unreadable', 'x', { mode: 0 }),
  file('odd/setuid', 'x', { mode: 0o4755, uid: 1000 }),
  file('odd/setgid', 'x', { mode: 0o2755, gid: 1000 }),
  folder('odd/sticky', { mode: 0o1777, uid: 3, gid: 4, modified: at(1_600_000_000, 500000000) }),
  folder('odd/setgid-folder', { mode: 0o2775, gid: 50 }),
  special('odd/char', 'character-device', { device: { major: 1, minor: 3 }, mode: 0o666 }),
  special('odd/char-large', 'character-device', { device: { major: 259, minor: 70_000 }, mode: 0o600 }),
  special('odd/block', 'block-device', { device: { major: 7, minor: 0 }, mode: 0o660, gid: 6 }),
  special('odd/fifo', 'fifo', { mode: 0o622 }),
  file('odd/hard-a', 'one inode, three names', { xattrs: xattrs({ 'user.shared': 'yes' }) }),
  hardLink('odd/hard-b', 'odd/hard-a'),
  hardLink('odd/sticky/hard-c', 'odd/hard-a'),
  file('odd/xattrs', 'x', {
    xattrs: xattrs({ 'user.one': '1', 'user.empty': '', 'user.bytes': '\xff\x00\n=' }),
  }),
  file('odd/capable', 'x', { mode: 0o755, xattrs: xattrs({ 'security.capability': CAPABILITY }) }),
  file('odd/xattr-large', 'x', { xattrs: xattrs({ 'user.large': 'v'.repeat(2000) }) }),
  folder('odd/xattr-folder', { xattrs: xattrs({ 'user.on-folder': 'yes' }) }),
  file(`odd/${LONG_NAME}`, 'x'),
  ...DEEP.map((_, i) => folder(DEEP.slice(0, i + 1).join('/'))),
  file([...DEEP, 'leaf'].join('/'), 'a path of more than 300 bytes'),
  symlink('odd/to-deep', ['..', ...DEEP, 'leaf'].join('/')),
  file('odd/\xff\xfe not UTF-8 \x80'),
  file('odd/caf\xc3\xa9'),
  file('odd/line\nfeed \\ "quoted"'),
  file('odd-implied/one/two/file', 'its folders have no entries'),
  file('tmp/implied/file', 'a folder of the layer below has no entry here'),
  file('odd/twice', 'first', { mode: 0o600, uid: 1 }),
  file('odd/twice', 'second, and it wins', { mode: 0o644, uid: 2 }),
  symlink('odd/link-then-file', 'empty'),
  file('odd/link-then-file', 'a file in the end'),
  folder('odd/folder-twice', { mode: 0o700 }),
  file('odd/folder-twice/kept'),
  folder('odd/folder-twice', { mode: 0o750, gid: 7 }),
  file('./odd/dot-prefix'),
  file('/odd/slash-prefix'),
  file('odd//double//slash'),
  symlink('odd/chain-1', 'chain-2'),
  symlink('odd/chain-2', './chain-3'),
  symlink('odd/chain-3', '/odd/twice'),
  symlink('odd/dangling', '/nowhere/at/all', { uid: 12 }),
  symlink('odd/upwards', '../../../../../../etc/passwd'),
  file('odd/large-owner', 'x', { uid: 70_000, gid: 4_000_000_000 }),
  file('odd/nanoseconds', 'x', { modified: at(1_500_000_000, 123456789) }),
  file('odd/long-ago', 'x', { modified: at(0) }),
  file('odd/far-ahead', 'x', { modified: at(4_102_444_800, 1) }),
  sparse('odd/sparse', 8 * 1024 * 1024, [
    [4096, 'first data'],
    [5 * 1024 * 1024 + 7, 'second data'],
  ]),
  file('odd/gone-file'),
  folder('odd/gone-folder'),
  file('odd/gone-folder/a'),
  file('odd/gone-folder/b'),
  folder('odd/opaque', { mode: 0o711 }),
  file('odd/opaque/old'),
  folder('odd/was-folder'),
  file('odd/was-folder/child'),
  file('odd/was-file'),
  file('odd/was-link-target'),
  folder('odd/was-folder-now-link'),
  file('odd/was-folder-now-link/child'),
  file('odd/comes-back', 'before'),
];

const CHANGE_ENTRIES: readonly OddEntry[] = [
  folder('odd', { mode: 0o751, uid: 9, modified: at(1_650_000_000, 250000000) }),
  file('odd/.wh.gone-file', ''),
  file('odd/.wh.gone-folder', ''),
  file('odd/.wh.never-there', ''),
  file('odd/.wh.comes-back', ''),
  folder('odd/opaque', { mode: 0o711 }),
  file('odd/opaque/.wh..wh..opq', ''),
  file('odd/opaque/new'),
  file('odd/was-folder', 'a file now'),
  folder('odd/was-file', { mode: 0o770 }),
  file('odd/was-file/child'),
  symlink('odd/was-folder-now-link', 'was-file'),
  file('odd/sticky/added', 'into a folder of the layer below that has no entry here'),
  file('odd-implied/one/added', 'into a folder that never had an entry'),
  file('odd/xattr-folder/added', 'the folder below has extended attributes'),
  file('odd/hard-a', 'leaves its other names behind'),
  hardLink('odd/hard-d', 'odd/hard-a'),
];

const RETURN_ENTRIES: readonly OddEntry[] = [
  file('odd/comes-back', 'after'),
  file('odd/gone-folder/again', 'the folder has no entry'),
];

/** Tars that hold what archives may and real images sometimes do: the third is empty, the rest builds on the base. */
export const ODD_LAYERS: readonly (() => ByteSource)[] = [
  BASE_ENTRIES,
  CHANGE_ENTRIES,
  [],
  RETURN_ENTRIES,
].map((entries) => () => fromBytes(...entries.flatMap(encodeEntry), TAR_END));

function encodeEntry({ content = new Uint8Array(), records = {}, ...entry }: OddEntry): Uint8Array[] {
  const sizeBytes = content.byteLength;
  return [...encodeRecords(records), encodeTarEntry({ ...entry, sizeBytes }), content, tarPadding(sizeBytes)];
}

/** A pax extended header of its own; its block is that of a file but for the type flag (offset 156) and so the checksum (148). */
function encodeRecords(records: Readonly<Record<string, string>>): Uint8Array[] {
  const text = Buffer.from(Object.entries(records).map(paxRecord).join(''), 'latin1');
  if (text.length === 0) return [];
  const block = Buffer.from(encodeTarEntry({ path: 'pax', kind: 'file', sizeBytes: text.length }));
  const checksum = parseInt(block.toString('latin1', 148, 154), 8) + 'x'.charCodeAt(0) - '0'.charCodeAt(0);
  block.write('x', 156, 'latin1');
  block.write(checksum.toString(8).padStart(6, '0'), 148, 'latin1');
  return [block, text, tarPadding(text.length)];
}

/** "<length> <keyword>=<value>\n", where the length, here of two digits, counts itself. */
function paxRecord([keyword, value]: [string, string]): string {
  const rest = ` ${keyword}=${value}\n`;
  return `${rest.length + 2}${rest}`;
}

/** GNU's sparse format 1.0: the map of data, as decimal lines, stands before the data. */
function sparse(path: string, size: number, pieces: readonly (readonly [number, string])[]): OddEntry {
  const map = [pieces.length, ...pieces.flatMap(([offset, text]) => [offset, text.length])];
  const lines = Buffer.from(`${map.join('\n')}\n`);
  return {
    path: 'odd/GNUSparseFile.0/sparse',
    kind: 'file',
    modified: MODIFIED,
    content: Buffer.concat([lines, tarPadding(lines.length), ...pieces.map(([, text]) => Buffer.from(text))]),
    records: {
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': path,
      'GNU.sparse.realsize': String(size),
    },
  };
}
