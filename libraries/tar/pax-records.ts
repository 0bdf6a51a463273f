import { MalformedTar } from './malformed-tar.ts';

/** Keywords and values of an extended header; both byte strings. */
export type PaxRecords = ReadonlyMap<string, string>;

/** POSIX.1-2017 pax, "pax Header Block" and "pax Extended Header"; vendor keywords per GNU tar, star and libarchive. */
export const XATTR_KEYWORD = 'SCHILY.xattr.';
const LIBARCHIVE_XATTR_KEYWORD = 'LIBARCHIVE.xattr.';

/**
 * The records `<length> <keyword>=<value>\n` that fill an extended header; of equal keywords the last holds. The
 * repeated offset and size records of GNU sparse format 0.0 come out as the one `GNU.sparse.map` that 0.1 has.
 */
export function parsePaxRecords(text: string): PaxRecords {
  const records = new Map<string, string>();
  const regions: string[] = [];
  for (let at = 0; at < text.length;) {
    const space = text.indexOf(' ', at);
    const length = decimal(text.slice(at, space < 0 ? at : space));
    const end = at + length;
    const equals = text.indexOf('=', space);
    const isWhole = end <= text.length && text.charCodeAt(end - 1) === 0x0a;
    if (!isWhole || equals <= space + 1 || equals >= end)
      throw new MalformedTar(`its extended header has a bad record at byte ${at}`);
    const keyword = text.slice(space + 1, equals);
    const value = text.slice(equals + 1, end - 1);
    if (keyword === 'GNU.sparse.offset' || keyword === 'GNU.sparse.numbytes') regions.push(value);
    else records.set(keyword, value);
    at = end;
  }
  if (regions.length > 0) records.set('GNU.sparse.map', regions.join(','));
  return records;
}

/** One record; its length counts itself. */
export function formatPaxRecord(keyword: string, value: string): string {
  const rest = ` ${keyword}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return length + rest;
}

/** A non-negative decimal that a double holds exactly; NaN for anything else. */
export function decimal(text: string): number {
  let value = text === '' ? NaN : 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : NaN;
}

/** Seconds with an optional fraction of any length, possibly negative; finer than nanoseconds is cut off. */
export function parsePaxTime(text: string): { seconds: number; nanoseconds: number } | undefined {
  const isNegative = text.startsWith('-');
  const point = text.includes('.') ? text.indexOf('.') : text.length;
  const seconds = decimal(text.slice(isNegative ? 1 : 0, point));
  const nanoseconds = decimal(text.slice(point + 1, point + 10).padEnd(9, '0'));
  if (Number.isNaN(seconds + nanoseconds)) return undefined;
  if (!isNegative) return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

export function formatPaxTime(seconds: number, nanoseconds: number): string {
  if (nanoseconds === 0) return String(seconds);
  const isNegative = seconds < 0;
  const whole = isNegative ? -seconds - 1 : seconds;
  const fraction = String(isNegative ? 1e9 - nanoseconds : nanoseconds).padStart(9, '0');
  return `${isNegative ? '-' : ''}${whole}.${fraction.replace(/0+$/, '')}`;
}

export const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();

/** The extended attributes among the records. bsdtar states each in both spellings; the plainer one holds. */
export function paxXattrs(records: PaxRecords): ReadonlyMap<string, Uint8Array> {
  let xattrs: Map<string, Uint8Array> | undefined;
  for (const [keyword, value] of records) {
    if (keyword.startsWith(XATTR_KEYWORD)) {
      xattrs ??= new Map();
      xattrs.set(keyword.slice(XATTR_KEYWORD.length), Buffer.from(value, 'latin1'));
    } else if (keyword.startsWith(LIBARCHIVE_XATTR_KEYWORD)) {
      const name = unescapePercent(keyword.slice(LIBARCHIVE_XATTR_KEYWORD.length));
      xattrs ??= new Map();
      if (!records.has(XATTR_KEYWORD + name)) xattrs.set(name, Buffer.from(value, 'base64'));
    }
  }
  return xattrs ?? NO_XATTRS;
}

function unescapePercent(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
