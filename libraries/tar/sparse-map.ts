import { paxText, type EntryDraft } from './entry-draft.ts';
import { BLOCK_BYTES, FIELD, readNumber } from './header-block.ts';
import { MalformedTar } from './malformed-tar.ts';
import { decimal, type PaxRecords } from './pax-records.ts';
import type { SparseRegion } from './tar-entry.ts';

/** The map of a sparse file on its way in: offset, size, offset, size … of its data regions. */
export interface SparseMap {
  readonly numbers: readonly number[];
  /** False while the next block still belongs to the map. */
  readonly isComplete: boolean;
  /** Whether the header's size counts the blocks of the map. */
  readonly isInData: boolean;
  readBlock(block: Buffer, at: number): void;
}

const GNU_SPARSE_TYPE = 0x53; // S
const REGION_BYTES = 24;
const REGIONS_IN_HEADER = 4;
const REGIONS_IN_BLOCK = 21;

/**
 * The sparse map that goes with the header at `at`, or undefined for an ordinary file. Puts the size, and in pax formats
 * the name, of the unpacked file into `draft`.
 */
export function openSparseMap(
  block: Buffer,
  at: number,
  draft: EntryDraft,
  pax: PaxRecords | undefined,
): SparseMap | undefined {
  if (block[at + FIELD.type] === GNU_SPARSE_TYPE) {
    draft.sizeBytes = readNumber(block, at + FIELD.realSize, 12, 'real size');
    return new GnuSparseMap(block, at);
  }
  if (pax === undefined) return undefined;
  const version = paxSparseVersion(pax);
  if (version === undefined) return undefined;
  draft.path = paxText(pax, 'GNU.sparse.name') ?? draft.path;
  draft.sizeBytes = decimal(pax.get('GNU.sparse.size') ?? pax.get('GNU.sparse.realsize') ?? '');
  return version === '1.0' ? new PaxSparseMap() : recordedMap(pax.get('GNU.sparse.map') ?? '');
}

/** The regions of a complete map; throws unless they ascend within the file and hold exactly the stored bytes. */
export function sparseRegions(map: SparseMap, sizeBytes: number, storedBytes: number): SparseRegion[] {
  const regions: SparseRegion[] = [];
  let end = 0;
  let stored = 0;
  for (let i = 0; i < map.numbers.length; i += 2) {
    const offset = map.numbers[i]!;
    const size = map.numbers[i + 1] ?? NaN;
    if (!(offset >= end && size >= 0 && offset + size <= sizeBytes))
      throw new MalformedTar('its sparse map has regions out of order or outside the file');
    end = offset + size;
    stored += size;
    if (size > 0) regions.push({ offsetBytes: offset, sizeBytes: size });
  }
  if (!(sizeBytes >= 0) || stored !== storedBytes)
    throw new MalformedTar('its sparse map does not agree with its sizes');
  return regions;
}

/** Of a version that we do not know, as of none, the file counts as an ordinary one. */
function paxSparseVersion(pax: PaxRecords): '0.x' | '1.0' | undefined {
  const major = pax.get('GNU.sparse.major');
  const minor = pax.get('GNU.sparse.minor');
  if (major === '1' && minor === '0') return '1.0';
  if (major === '0' && (minor === '0' || minor === '1')) return '0.x';
  if (major !== undefined || minor !== undefined) return undefined;
  return pax.has('GNU.sparse.map') || pax.has('GNU.sparse.size') ? '0.x' : undefined;
}

/** Pax formats 0.0 and 0.1: one record `offset,size,offset,size …`. */
function recordedMap(text: string): SparseMap {
  const numbers = text === '' ? [] : text.split(',').map(decimal);
  return { numbers, isComplete: true, isInData: false, readBlock() {} };
}

/** Old GNU format: 4 regions in the header, then blocks of 21 regions and a flag whether another block follows. */
class GnuSparseMap implements SparseMap {
  readonly numbers: number[] = [];
  readonly isInData = false;
  isComplete: boolean;

  constructor(header: Buffer, at: number) {
    this.#readRegions(header, at + FIELD.sparse, REGIONS_IN_HEADER);
    this.isComplete = header[at + FIELD.isExtended] === 0;
  }

  readBlock(block: Buffer, at: number): void {
    this.#readRegions(block, at, REGIONS_IN_BLOCK);
    this.isComplete = block[at + REGIONS_IN_BLOCK * REGION_BYTES] === 0;
  }

  #readRegions(block: Buffer, at: number, count: number): void {
    for (let region = at; region < at + count * REGION_BYTES && block[region] !== 0; region += REGION_BYTES)
      this.numbers.push(
        readNumber(block, region, 12, 'sparse offset'),
        readNumber(block, region + 12, 12, 'sparse size'),
      );
  }
}

/** Pax format 1.0: the data begins with lines of decimals, the number of regions first, padded to whole blocks. */
class PaxSparseMap implements SparseMap {
  readonly numbers: number[] = [];
  readonly isInData = true;
  isComplete = false;
  #expected: number | undefined;
  #line = '';

  readBlock(block: Buffer, at: number): void {
    const lines = (this.#line + block.toString('latin1', at, at + BLOCK_BYTES)).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) {
      const value = decimal(line);
      if (Number.isNaN(value)) throw new MalformedTar('its sparse map is not made of numbers');
      if (this.#expected === undefined) this.#expected = 2 * value;
      else this.numbers.push(value);
      this.isComplete = this.numbers.length === this.#expected;
      if (this.isComplete) return;
    }
  }
}
