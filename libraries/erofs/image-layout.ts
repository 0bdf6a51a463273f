import { CodedError } from '@lade/errors';
import { packNames, type DirectoryListing } from './directory.ts';
import { BLOCK_BYTES, FIRST_INODE_OFFSET, MAX_BLOCKS, SLOT_BYTES, alignUp, blocksFor } from './geometry.ts';
import { inodeFault, nameFault } from './inode-fault.ts';
import { direntTypeOf } from './inode-record.ts';
import { shapeOf, type InodeShape } from './inode-shape.ts';
import type { DirectoryInode, Inode } from './inode.ts';

/**
 * Where everything goes: inodes depth first from `FIRST_INODE_OFFSET`, behind them whole data blocks in the same order.
 * Columns instead of an object per inode, because a layer has hundreds of thousands: index i is inode number i + 1.
 */
export interface ImageLayout {
  readonly inodes: readonly Inode[];
  readonly nids: readonly number[];
  readonly links: readonly number[];
  /** The first data block of each, counted from `firstDataBlock`; of no meaning for an inode without. */
  readonly dataBlocks: readonly number[];
  readonly listings: readonly (DirectoryListing | undefined)[];
  readonly firstDataBlock: number;
  readonly imageBlocks: number;
}

/** One inode of a layout, put together to be written. */
export interface PlacedInode {
  readonly inode: Inode;
  readonly shape: InodeShape;
  readonly ino: number;
  readonly links: number;
  /** Where it begins in the image. */
  readonly offset: number;
  /** Block of the image with its first whole block of data, if it has one. */
  readonly firstBlock: number;
  readonly listing: DirectoryListing | undefined;
}

/** A directory whose entries are being placed: those before `nids.length`. */
interface OpenDirectory {
  readonly index: number;
  readonly entries: ReadonlyMap<string, Inode>;
  readonly names: readonly string[];
  readonly nids: number[];
  readonly types: number[];
}

/** Checks the whole tree and gives every inode its place; throws `invalid_argument` naming the path of what cannot be stored. */
export function layOutImage(root: DirectoryInode, blobBlocks: number): ImageLayout {
  const walk = new LayoutWalk(blobBlocks);
  walk.run(root);
  return walk.finish();
}

/** Every inode in the order of the image. */
export function* placedInodes(layout: ImageLayout): Generator<PlacedInode> {
  for (let index = 0; index < layout.inodes.length; index++) {
    const inode = layout.inodes[index] as Inode;
    const listing = layout.listings[index];
    yield {
      inode,
      shape: shapeOf(inode, listing),
      ino: index + 1,
      links: layout.links[index] ?? 0,
      offset: (layout.nids[index] ?? 0) * SLOT_BYTES,
      firstBlock: layout.firstDataBlock + (layout.dataBlocks[index] ?? 0),
      listing,
    };
  }
}

class LayoutWalk {
  readonly #blobBlocks: number;
  readonly #inodes: Inode[] = [];
  readonly #nids: number[] = [];
  readonly #links: number[] = [];
  readonly #dataBlocks: number[] = [];
  readonly #listings: (DirectoryListing | undefined)[] = [];
  readonly #indexes = new Map<Inode, number>();
  /** From the root down; a list of our own because archives nest deeper than call stacks. */
  readonly #open: OpenDirectory[] = [];
  #end = FIRST_INODE_OFFSET;
  #dataEnd = 0;

  constructor(blobBlocks: number) {
    this.#blobBlocks = blobBlocks;
  }

  run(root: DirectoryInode): void {
    this.#place(root, '');
    for (let directory = this.#open.at(-1); directory !== undefined; directory = this.#open.at(-1)) {
      const name = directory.names[directory.nids.length];
      if (name === undefined) this.#open.pop();
      else this.#enter(directory, name);
    }
  }

  finish(): ImageLayout {
    const firstDataBlock = blocksFor(this.#end);
    const imageBlocks = firstDataBlock + this.#dataEnd;
    if (imageBlocks + this.#blobBlocks > MAX_BLOCKS)
      throw new CodedError(
        'invalid_argument',
        `Cannot encode an EROFS image of ${imageBlocks} blocks over a blob of ${this.#blobBlocks}: ` +
          `together they may have ${MAX_BLOCKS}`,
        { cure: 'Split the layer' },
      );
    return {
      inodes: this.#inodes,
      nids: this.#nids,
      links: this.#links,
      dataBlocks: this.#dataBlocks,
      listings: this.#listings,
      firstDataBlock,
      imageBlocks,
    };
  }

  #enter(directory: OpenDirectory, name: string): void {
    const index = this.#indexOf(directory, name);
    const kind = this.#inodes[index]?.kind ?? 'directory';
    directory.nids.push(this.#nids[index] ?? 0);
    directory.types.push(direntTypeOf(kind));
  }

  #indexOf(directory: OpenDirectory, name: string): number {
    if (name === '.') return directory.index;
    if (name === '..') return (this.#open.at(-2) ?? directory).index;
    const inode = directory.entries.get(name) as Inode;
    const known = this.#indexes.get(inode);
    if (inode.kind === 'directory') {
      if (known !== undefined) throw this.#refusal(name, 'it is a directory that has another name');
      this.#link(directory.index);
    }
    if (known === undefined) return this.#place(inode, name);
    this.#link(known);
    return known;
  }

  #link(index: number): void {
    this.#links[index] = (this.#links[index] ?? 0) + 1;
  }

  #place(inode: Inode, name: string): number {
    const fault = inodeFault(inode, this.#blobBlocks);
    if (fault !== undefined) throw this.#refusal(name, fault);
    const index = this.#inodes.push(inode) - 1;
    const listing = inode.kind === 'directory' ? this.#list(index, inode, name) : undefined;
    const shape = shapeOf(inode, listing);
    this.#indexes.set(inode, index);
    this.#listings.push(listing);
    this.#links.push(inode.kind === 'directory' ? 2 : 1);
    this.#nids.push(this.#reserve(shape) / SLOT_BYTES);
    this.#dataBlocks.push(this.#dataEnd);
    this.#dataEnd += shape.dataBlocks;
    return index;
  }

  /** Opens a directory: its nids and types are filled in as its entries are placed. */
  #list(index: number, directory: DirectoryInode, path: string): DirectoryListing {
    const { entries } = directory;
    const names = [...entries.keys()];
    for (const name of names) {
      const fault = nameFault(name);
      if (fault !== undefined) throw this.#refusal(path === '' ? name : `${path}/${name}`, fault);
    }
    names.push('.', '..');
    names.sort();
    const nids: number[] = [];
    const types: number[] = [];
    this.#open.push({ index, entries, names, nids, types });
    return { names, nids, types, ...packNames(names) };
  }

  /** The byte at which an inode of this shape begins. */
  #reserve({ recordBytes, unsplitBytes }: InodeShape): number {
    const slot = alignUp(this.#end, SLOT_BYTES);
    const isSplit = (slot % BLOCK_BYTES) + unsplitBytes > BLOCK_BYTES;
    const offset = isSplit ? alignUp(slot, BLOCK_BYTES) : slot;
    this.#end = offset + recordBytes;
    return offset;
  }

  #refusal(path: string, fault: string): CodedError {
    const parents = this.#open.slice(0, -1).map(({ names, nids }) => names[nids.length - 1]);
    const whole = `/${[...parents, path].join('/')}`;
    return new CodedError('invalid_argument', `Cannot encode ${JSON.stringify(whole)} for EROFS: ${fault}`, {
      cure: 'Leave this entry out of the layer or change it',
      details: { path: whole },
    });
  }
}
