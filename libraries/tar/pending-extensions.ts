import type { Extensions } from './entry-draft.ts';
import { readText } from './header-block.ts';
import { MalformedTar } from './malformed-tar.ts';
import { parsePaxRecords, type PaxRecords } from './pax-records.ts';

export type ExtensionKind = 'long-path' | 'long-link-path' | 'pax' | 'global-pax';

/** By typeflag. */
const KINDS: Readonly<Record<number, ExtensionKind>> = {
  0x4c: 'long-path', // L
  0x4b: 'long-link-path', // K
  0x78: 'pax', // x
  0x58: 'pax', // X, Solaris
  0x67: 'global-pax', // g
};

const NO_BYTES = Buffer.alloc(0);

/** What a header's data says of the entries that follow; undefined for the header of an entry itself. */
export function extensionKind(type: number): ExtensionKind | undefined {
  return KINDS[type];
}

/** Gathers extension records until the header that they describe; global ones for all headers to come. */
export class PendingExtensions {
  readonly #maxBytes: number;
  #kind: ExtensionKind = 'pax';
  #payload: Buffer = NO_BYTES;
  #filled = 0;
  #longPath: string | undefined;
  #longLinkPath: string | undefined;
  #pax: PaxRecords | undefined;
  readonly #globalPax = new Map<string, string>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#longPath === undefined && this.#longLinkPath === undefined && this.#pax === undefined;
  }

  /** Makes room for an extension of `length` bytes, which `add` and `finish` then complete. */
  start(kind: ExtensionKind, length: number): void {
    if (!(length >= 0)) throw new MalformedTar('its extension has a negative size');
    if (length > this.#maxBytes)
      throw new MalformedTar(`its extension has ${length} bytes, more than the allowed ${this.#maxBytes}`);
    this.#kind = kind;
    this.#payload = Buffer.allocUnsafe(length);
    this.#filled = 0;
  }

  add(piece: Buffer): void {
    this.#filled += piece.copy(this.#payload, this.#filled);
  }

  finish(): void {
    const payload = this.#payload;
    this.#payload = NO_BYTES;
    switch (this.#kind) {
      case 'long-path':
        this.#longPath = readText(payload, 0, payload.length);
        break;
      case 'long-link-path':
        this.#longLinkPath = readText(payload, 0, payload.length);
        break;
      case 'pax':
        this.#pax = parsePaxRecords(payload.toString('latin1'));
        break;
      case 'global-pax':
        this.#addGlobal(parsePaxRecords(payload.toString('latin1')));
    }
  }

  /** Hands over what is pending for the header at hand; only the global records stay. */
  take(): Extensions {
    const extensions = {
      longPath: this.#longPath,
      longLinkPath: this.#longLinkPath,
      pax: this.#mergedPax(),
    };
    this.#longPath = undefined;
    this.#longLinkPath = undefined;
    this.#pax = undefined;
    return extensions;
  }

  #mergedPax(): PaxRecords | undefined {
    if (this.#globalPax.size === 0) return this.#pax;
    return this.#pax ? new Map([...this.#globalPax, ...this.#pax]) : this.#globalPax;
  }

  #addGlobal(records: PaxRecords): void {
    for (const [keyword, value] of records)
      if (!keyword.startsWith('GNU.sparse.')) this.#globalPax.set(keyword, value);
    let total = 0;
    for (const [keyword, value] of this.#globalPax) total += keyword.length + value.length;
    if (total > this.#maxBytes)
      throw new MalformedTar(`its global headers have more than the allowed ${this.#maxBytes} bytes`);
  }
}
