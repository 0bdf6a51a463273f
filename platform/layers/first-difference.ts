import { setImmediate } from 'node:timers/promises';
import type { DirectoryInode, Inode } from '@lade/erofs';

/** Inodes compared between two pauses in which others may work: some 20 ms. */
const RUN_INODES = 4096;

interface Pair {
  readonly path: string;
  readonly one: Inode;
  readonly other: Inode;
}

/**
 * Byte-string path of an inode in which two trees differ (names, attributes, contents, hard links), or undefined where they
 * are equal. Takes no notice of the order of entries, and no more stack for deeper trees.
 */
export async function firstDifference(
  one: DirectoryInode,
  other: DirectoryInode,
): Promise<string | undefined> {
  const links = new LinkPairs();
  const open: Pair[] = [{ path: '/', one, other }];
  let compared = 0;
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    if (++compared % RUN_INODES === 0) await setImmediate();
    if (!isSameInode(pair.one, pair.other) || !links.fits(pair)) return pair.path;
    if (pair.one.kind !== 'directory' || pair.other.kind !== 'directory') continue;
    const [entries, others] = [pair.one.entries, pair.other.entries];
    if (entries.size !== others.size) return pair.path;
    const parent = pair.path === '/' ? '' : pair.path;
    for (const [name, child] of entries) {
      const twin = others.get(name);
      if (twin === undefined) return `${parent}/${name}`;
      open.push({ path: `${parent}/${name}`, one: child, other: twin });
    }
  }
  return undefined;
}

/** Whether all names of an inode in one tree are names of one inode in the other, and the other way round. */
class LinkPairs {
  readonly #twins = new Map<Inode, Inode>();

  fits({ one, other }: Pair): boolean {
    const [twin, back] = [this.#twins.get(one), this.#twins.get(other)];
    this.#twins.set(one, other).set(other, one);
    return (twin === undefined && back === undefined) || (twin === other && back === one);
  }
}

function isSameInode(one: Inode, other: Inode): boolean {
  return (
    one.mode === other.mode &&
    one.uid === other.uid &&
    one.gid === other.gid &&
    one.modified.seconds === other.modified.seconds &&
    one.modified.nanoseconds === other.modified.nanoseconds &&
    hasSameContent(one, other) &&
    hasSameXattrs(one.xattrs, other.xattrs)
  );
}

function hasSameContent(one: Inode, other: Inode): boolean {
  if (one.kind === 'file' && other.kind === 'file')
    return one.sizeBytes === other.sizeBytes && one.blobBlock === other.blobBlock;
  if (one.kind === 'symlink' && other.kind === 'symlink') return one.target === other.target;
  if ('device' in one && 'device' in other && one.kind === other.kind)
    return one.device.major === other.device.major && one.device.minor === other.device.minor;
  return one.kind === other.kind;
}

function hasSameXattrs(one: Inode['xattrs'], other: Inode['xattrs']): boolean {
  if (one.size !== other.size) return false;
  for (const [name, value] of one) {
    const twin = other.get(name);
    if (twin === undefined || !Buffer.from(twin).equals(value)) return false;
  }
  return true;
}
