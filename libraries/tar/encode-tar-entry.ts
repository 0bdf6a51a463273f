import { BLOCK_BYTES, FIELD } from './header-block.ts';
import { formatPaxRecord, formatPaxTime, XATTR_KEYWORD } from './pax-records.ts';
import type { TarEntry, TarEntryKind } from './tar-entry.ts';

/** What must be said of an entry; the rest has defaults (mode 0644, for directories 0755; all else zero or empty). */
export type EncodableEntry = Pick<TarEntry, 'path' | 'kind'> & Partial<Omit<TarEntry, 'storedBytes'>>;

type Complete = Required<EncodableEntry>;

/** The two zero blocks that end an archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);

const TYPES: Readonly<Record<TarEntryKind | 'pax', string>> = {
  file: '0',
  'hard-link': '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
  pax: 'x',
};

const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
/** The most that a ustar field holds, and what Linux and GNU tar take for an id. */
const MAX_ID = 0o7777777;
const MAX_PAX_ID = 0xffffffff;
const MAX_LONG = 0o77777777777;

/** The zeros that fill the last block after `sizeBytes` of data. */
export function tarPadding(sizeBytes: number): Uint8Array {
  return TAR_END.subarray(0, (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/**
 * The header blocks of an entry, to be followed by `sizeBytes` of data and `tarPadding`: one ustar block where that can
 * say everything, else a pax extended header (records sorted, so equal entries give equal bytes) and a ustar block.
 * Throws TypeError for sparse entries and strings that are no byte strings or hold NUL, RangeError for numbers that no
 * archive can state.
 */
export function encodeTarEntry(entry: EncodableEntry): Uint8Array {
  const complete = withDefaults(entry);
  requireEncodable(complete);
  const records = paxRecords(complete);
  const header = encodeHeader(complete);
  if (records.length === 0) return header;
  const payload = Buffer.from(records.join(''), 'latin1');
  const paxHeader = encodeHeader({
    ...withDefaults({ path: `PaxHeaders/${baseName(complete.path)}`, kind: 'file' }),
    sizeBytes: payload.byteLength,
    kind: 'pax',
  });
  return Buffer.concat([paxHeader, payload, tarPadding(payload.byteLength), header]);
}

function withDefaults(entry: EncodableEntry): Complete {
  return {
    linkPath: '',
    mode: entry.kind === 'directory' ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: 0,
    modified: { seconds: 0, nanoseconds: 0 },
    device: { major: 0, minor: 0 },
    xattrs: new Map(),
    sparse: undefined,
    ...entry,
  };
}

function requireEncodable(entry: Complete): void {
  if (entry.sparse) throw new TypeError('Cannot encode tar entry: it is sparse');
  for (const text of [entry.path, entry.linkPath, ...entry.xattrs.keys()])
    if (text.includes('\0') || Buffer.from(text, 'latin1').toString('latin1') !== text)
      throw new TypeError(`Cannot encode tar entry: ${JSON.stringify(text)} is not a byte string`);
  for (const name of entry.xattrs.keys())
    if (name.includes('='))
      throw new TypeError(`Cannot encode tar entry: xattr ${JSON.stringify(name)} has a "="`);
  requireRange('mode', entry.mode, 0o7777);
  requireRange('size', entry.sizeBytes, entry.kind === 'file' ? Number.MAX_SAFE_INTEGER : 0);
  requireRange('device', entry.device.major, MAX_ID);
  requireRange('device', entry.device.minor, MAX_ID);
  requireRange('nanoseconds', entry.modified.nanoseconds, 999_999_999);
  requireRange('seconds', Math.abs(entry.modified.seconds), Number.MAX_SAFE_INTEGER);
  requireRange('uid', entry.uid, MAX_PAX_ID);
  requireRange('gid', entry.gid, MAX_PAX_ID);
}

function requireRange(what: string, value: number, max: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0 && value <= max))
    throw new RangeError(`Cannot encode tar entry: its ${what} ${value} is not an integer of at most ${max}`);
}

/** What the ustar block cannot say, in the order of the keywords' bytes. */
function paxRecords(entry: Complete): string[] {
  const { seconds, nanoseconds } = entry.modified;
  const values = new Map<string, string>();
  if (splitPath(entry.path) === undefined) values.set('path', entry.path);
  if (entry.linkPath.length > NAME_BYTES) values.set('linkpath', entry.linkPath);
  if (!fits(entry.uid, MAX_ID)) values.set('uid', String(entry.uid));
  if (!fits(entry.gid, MAX_ID)) values.set('gid', String(entry.gid));
  if (!fits(entry.sizeBytes, MAX_LONG)) values.set('size', String(entry.sizeBytes));
  if (!fits(seconds, MAX_LONG) || nanoseconds !== 0) values.set('mtime', formatPaxTime(seconds, nanoseconds));
  for (const [name, value] of entry.xattrs)
    values.set(XATTR_KEYWORD + name, Buffer.from(value).toString('latin1'));
  return [...values]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([keyword, value]) => formatPaxRecord(keyword, value));
}

function fits(value: number, max: number): boolean {
  return value >= 0 && value <= max;
}

/** One ustar block; what does not fit is cut short or 0, for a pax record to override. */
function encodeHeader(entry: Omit<Complete, 'kind'> & { readonly kind: TarEntryKind | 'pax' }): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const { prefix, name } = splitPath(entry.path) ?? { prefix: '', name: entry.path.slice(0, NAME_BYTES) };
  block.write(name, FIELD.name, 'latin1');
  writeOctal(block, FIELD.mode, 7, entry.mode);
  writeOctal(block, FIELD.uid, 7, entry.uid);
  writeOctal(block, FIELD.gid, 7, entry.gid);
  writeOctal(block, FIELD.size, 11, entry.sizeBytes);
  writeOctal(block, FIELD.mtime, 11, entry.modified.seconds);
  block.write(TYPES[entry.kind], FIELD.type, 'latin1');
  block.write(entry.linkPath.slice(0, NAME_BYTES), FIELD.linkName, 'latin1');
  block.write('ustar\x0000', FIELD.magic, 'latin1');
  writeOctal(block, FIELD.major, 7, entry.device.major);
  writeOctal(block, FIELD.minor, 7, entry.device.minor);
  block.write(prefix, FIELD.prefix, 'latin1');
  block.fill(' ', FIELD.checksum, FIELD.type);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, FIELD.checksum, 'latin1');
  return block;
}

function writeOctal(block: Buffer, at: number, digits: number, value: number): void {
  const stated = fits(value, 8 ** digits - 1) ? value : 0;
  block.write(stated.toString(8).padStart(digits, '0'), at, 'latin1');
}

/** The path as ustar's prefix and name, cut at a slash that is in neither; undefined if it cannot be. */
function splitPath(path: string): { prefix: string; name: string } | undefined {
  if (path.length <= NAME_BYTES) return { prefix: '', name: path };
  const slash = path.indexOf('/', path.length - NAME_BYTES - 1);
  if (slash <= 0 || slash > PREFIX_BYTES || slash === path.length - 1) return undefined;
  return { prefix: path.slice(0, slash), name: path.slice(slash + 1) };
}

function baseName(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  return trimmed.slice(trimmed.lastIndexOf('/') + 1).slice(0, NAME_BYTES - 'PaxHeaders/'.length);
}
