import { constants, readlinkSync, type BigIntStats } from 'node:fs';
import type { EncodableEntry } from '@lade/tar';

type Kind = Exclude<EncodableEntry['kind'], 'hard-link'>;
type Attributes = Pick<EncodableEntry, 'mode' | 'uid' | 'gid' | 'modified'>;
type Specifics = Pick<EncodableEntry, 'sizeBytes' | 'linkPath' | 'device'>;

const KINDS = new Map<number, Kind>([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'directory'],
  [constants.S_IFLNK, 'symlink'],
  [constants.S_IFCHR, 'character-device'],
  [constants.S_IFBLK, 'block-device'],
  [constants.S_IFIFO, 'fifo'],
]);

const SECOND_NS = 1_000_000_000n;

/** Undefined for sockets, which no archive can hold. */
export function kindOf({ mode }: BigIntStats): Kind | undefined {
  return KINDS.get(Number(mode) & constants.S_IFMT);
}

/** How overlayfs says that what lies below has gone. */
export function isWhiteout(stats: BigIntStats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0n;
}

/** What entries of every kind have. The modification time is in whole seconds, and none after `untilNs`. */
export function attributesOf(stats: BigIntStats, untilNs: bigint | undefined): Attributes {
  const ns = untilNs !== undefined && stats.mtimeNs > untilNs ? untilNs : stats.mtimeNs;
  const rest = ((ns % SECOND_NS) + SECOND_NS) % SECOND_NS;
  return {
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    modified: { seconds: Number((ns - rest) / SECOND_NS), nanoseconds: 0 },
  };
}

/** What only entries of its kind have; `place` is the path of a link. */
export function specificsOf(kind: Kind, stats: BigIntStats, place: Buffer): Specifics {
  switch (kind) {
    case 'file':
      return { sizeBytes: Number(stats.size) };
    case 'symlink':
      return { linkPath: readlinkSync(place, { encoding: 'buffer' }).toString('latin1') };
    case 'character-device':
    case 'block-device':
      return { device: deviceOf(stats.rdev) };
    case 'directory':
    case 'fifo':
      return {};
    default:
      return kind satisfies never;
  }
}

/** glibc's dev_t: the minor number around the major one. */
function deviceOf(rdev: bigint): NonNullable<Specifics['device']> {
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffffffffn)),
  };
}
