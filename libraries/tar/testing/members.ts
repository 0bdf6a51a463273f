import { encodeTarEntry, tarPadding, type EncodableEntry } from '../encode-tar-entry.ts';
import { BLOCK_BYTES, FIELD } from '../header-block.ts';
import { formatPaxRecord } from '../pax-records.ts';

/** Magic and version of a GNU header. */
export const GNU = 'ustar  \0';

export interface RawHeader {
  readonly name?: string;
  readonly type?: string;
  readonly size?: number;
  /** Magic and version; default POSIX. */
  readonly magic?: string;
  /** Further byte strings by offset, over everything else but the checksum. */
  readonly at?: Readonly<Record<number, string>>;
}

/** For tests: a header block that no encoder would write, with a right checksum. */
export function rawHeader(header: RawHeader): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(header.name ?? 'name', FIELD.name, 'latin1');
  block.write('0000644\0', FIELD.mode, 'latin1');
  block.write((header.size ?? 0).toString(8).padStart(11, '0'), FIELD.size, 'latin1');
  block.write(header.type ?? '0', FIELD.type, 'latin1');
  block.write(header.magic ?? 'ustar\x0000', FIELD.magic, 'latin1');
  for (const [offset, text] of Object.entries(header.at ?? {})) block.write(text, Number(offset), 'latin1');
  return withChecksum(block);
}

/** Sets the checksum of a header block in place. */
export function withChecksum(block: Buffer): Buffer {
  block.fill(' ', FIELD.checksum, FIELD.type);
  const sum = block.subarray(0, BLOCK_BYTES).reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, FIELD.checksum, 'latin1');
  return block;
}

/** A header of `type` with its data and padding: an extension, or a file in one piece. */
export function rawMember(header: RawHeader, data: string): Buffer {
  const bytes = Buffer.from(data, 'latin1');
  const padded = Buffer.alloc(Math.ceil(bytes.byteLength / BLOCK_BYTES) * BLOCK_BYTES);
  bytes.copy(padded);
  return Buffer.concat([rawHeader({ ...header, size: bytes.byteLength }), padded]);
}

/** For tests: an ordinary file with all that belongs to it. */
export function file(entry: Partial<EncodableEntry>, content: string): Buffer {
  const bytes = Buffer.from(content, 'latin1');
  const header = encodeTarEntry({ path: 'file', kind: 'file', sizeBytes: bytes.byteLength, ...entry });
  return Buffer.concat([header, bytes, tarPadding(bytes.byteLength)]);
}

/** For tests: an extended header. */
export function pax(type: 'x' | 'g' | 'X', records: Record<string, string>): Buffer {
  const text = Object.entries(records).map(([keyword, value]) => formatPaxRecord(keyword, value));
  return rawMember({ name: 'pax', type }, text.join(''));
}

/** For tests: number fields of 12 bytes. */
export function octal(...values: number[]): string {
  return values.map((value) => `${value.toString(8).padStart(11, '0')}\0`).join('');
}
