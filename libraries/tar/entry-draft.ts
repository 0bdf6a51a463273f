import { FIELD, headerFormat, readLinkPath, readNumber, readPath } from './header-block.ts';
import { MalformedTar } from './malformed-tar.ts';
import { decimal, NO_XATTRS, parsePaxTime, paxXattrs, type PaxRecords } from './pax-records.ts';
import type { TarEntry, TarEntryKind } from './tar-entry.ts';

/** An entry that is still being put together. */
export type EntryDraft = { -readonly [Field in keyof TarEntry]: TarEntry[Field] };

/** What extension records in front of a header say about it. */
export interface Extensions {
  readonly longPath: string | undefined;
  readonly longLinkPath: string | undefined;
  readonly pax: PaxRecords | undefined;
}

/** By typeflag. `7` is a contiguous file, `D` a directory of GNU's incremental format, `S` its sparse file. */
const KINDS: Readonly<Record<number, TarEntryKind>> = {
  0: 'file',
  [code('0')]: 'file',
  [code('1')]: 'hard-link',
  [code('2')]: 'symlink',
  [code('3')]: 'character-device',
  [code('4')]: 'block-device',
  [code('5')]: 'directory',
  [code('6')]: 'fifo',
  [code('7')]: 'file',
  [code('D')]: 'directory',
  [code('S')]: 'file',
};

const NO_DEVICE = { major: 0, minor: 0 };

function code(char: string): number {
  return char.charCodeAt(0);
}

/** Types 1 to 6 have no data, whatever their size field says (some tars state the size of the linked file there). */
function isHeaderOnly(type: number): boolean {
  return type >= 0x31 && type <= 0x36;
}

/** How many bytes of data follow the header and its extensions, padding not counted. */
export function readDataBytes(block: Buffer, at: number, pax: PaxRecords | undefined): number {
  if (isHeaderOnly(block[at + FIELD.type]!)) return 0;
  const stated = pax?.get('size');
  const size = stated ? decimal(stated) : readNumber(block, at + FIELD.size, 12, 'size');
  if (!(size >= 0)) throw new MalformedTar('its size is not a number of bytes');
  return size;
}

/**
 * The header block and its extensions as one entry, not yet looking at sparse maps; undefined for a type that is no
 * part of a file tree (volume labels and the like). A regular file whose name ends in a slash is a directory.
 */
export function readEntry(
  block: Buffer,
  at: number,
  extensions: Extensions,
  dataBytes: number,
): EntryDraft | undefined {
  const kind = KINDS[block[at + FIELD.type]!];
  if (kind === undefined) return undefined;
  const format = headerFormat(block, at);
  const draft: EntryDraft = {
    path: readPath(block, at, format),
    kind,
    linkPath: readLinkPath(block, at),
    mode: readNumber(block, at + FIELD.mode, 8, 'mode') & 0o7777,
    uid: readNumber(block, at + FIELD.uid, 8, 'uid'),
    gid: readNumber(block, at + FIELD.gid, 8, 'gid'),
    sizeBytes: dataBytes,
    storedBytes: dataBytes,
    modified: { seconds: readNumber(block, at + FIELD.mtime, 12, 'mtime'), nanoseconds: 0 },
    device: NO_DEVICE,
    xattrs: NO_XATTRS,
    sparse: undefined,
  };
  if (format !== 'v7' && (kind === 'character-device' || kind === 'block-device'))
    draft.device = {
      major: readNumber(block, at + FIELD.major, 8, 'device major'),
      minor: readNumber(block, at + FIELD.minor, 8, 'device minor'),
    };
  if (extensions.pax) applyPax(draft, extensions.pax);
  if (extensions.longPath) draft.path = extensions.longPath;
  if (extensions.longLinkPath) draft.linkPath = extensions.longLinkPath;
  if (kind === 'file' && draft.path.endsWith('/')) draft.kind = 'directory';
  if (draft.kind !== 'file') draft.sizeBytes = draft.storedBytes = 0;
  return draft;
}

/** An empty value means "as the header says", except for xattrs, where it is a value. */
function applyPax(draft: EntryDraft, pax: PaxRecords): void {
  draft.path = paxText(pax, 'path') ?? draft.path;
  draft.linkPath = paxText(pax, 'linkpath') ?? draft.linkPath;
  draft.uid = paxId(pax, 'uid') ?? draft.uid;
  draft.gid = paxId(pax, 'gid') ?? draft.gid;
  const mtime = pax.get('mtime');
  if (mtime) {
    const modified = parsePaxTime(mtime);
    if (modified === undefined) throw new MalformedTar('its mtime record is not a time');
    draft.modified = modified;
  }
  draft.xattrs = paxXattrs(pax);
}

/** A path record; undefined if there is none or it is empty. */
export function paxText(pax: PaxRecords, keyword: string): string | undefined {
  const text = pax.get(keyword);
  if (text?.includes('\0')) throw new MalformedTar(`its ${keyword} record has a NUL`);
  return text === '' ? undefined : text;
}

function paxId(pax: PaxRecords, keyword: string): number | undefined {
  const text = pax.get(keyword);
  if (!text) return undefined;
  const id = text.startsWith('-') ? -decimal(text.slice(1)) : decimal(text);
  if (Number.isNaN(id)) throw new MalformedTar(`its ${keyword} record is not a number`);
  return id;
}
