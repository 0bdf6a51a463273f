import { labelOf, type Labels } from '@lade/containerd-store';
import { CodedError } from '@lade/errors';

/** Labels of a snapshot for a container in a user namespace: `<container id>:<host id>:<count>`, more after commas. */
const ID_MAPPING_LABELS = {
  uids: 'containerd.io/snapshot/uidmapping',
  gids: 'containerd.io/snapshot/gidmapping',
} as const;

/** As uid_map(5) has it. */
interface Extent {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** How the ids of a user namespace are those of this machine. */
export interface IdMapping {
  readonly uids: string;
  readonly gids: string;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The last id is no id: it means "leave as it is" to chown(2). */
const ID_END = 2 ** 32 - 1;
/** UID_GID_MAP_MAX_EXTENTS */
const MAX_EXTENTS = 340;

/** What the labels of a snapshot say, if they do; `invalid_argument` for what is no mapping that has a root. */
export function idMappingOf(labels: Labels): IdMapping | undefined {
  const [uids, gids] = [labelOf(labels, ID_MAPPING_LABELS.uids), labelOf(labels, ID_MAPPING_LABELS.gids)];
  if (uids === undefined && gids === undefined) return undefined;
  for (const [kind, text] of Object.entries({ uids, gids }) as [keyof IdMapping, string | undefined][])
    requireRoot(parseExtents(kind, text ?? ''), kind, text ?? '');
  return { uids: uids ?? '', gids: gids ?? '' };
}

/** The owner on this machine of what `owner` has inside; root's, for one that the mapping leaves out. */
export function mapOwner(owner: Owner, { uids, gids }: IdMapping): Owner {
  return {
    uid: mapId(owner.uid, parseExtents('uids', uids)),
    gid: mapId(owner.gid, parseExtents('gids', gids)),
  };
}

function mapId(id: number, extents: readonly Extent[]): number {
  const find = (wanted: number): number | undefined => {
    const extent = extents.find(({ inside, count }) => wanted >= inside && wanted < inside + count);
    return extent && extent.outside + wanted - extent.inside;
  };
  return find(id) ?? find(0) ?? id;
}

function parseExtents(kind: keyof IdMapping, text: string): Extent[] {
  const extents = text.split(',').map((part) => {
    const [, inside, outside, count] = /^(\d+):(\d+):(\d+)$/.exec(part) ?? [];
    return { inside: Number(inside), outside: Number(outside), count: Number(count) };
  });
  const isSound =
    extents.length <= MAX_EXTENTS &&
    extents.every(({ inside, outside, count }) => count > 0 && Math.max(inside, outside) + count <= ID_END) &&
    !overlap(extents.map(({ inside, count }) => [inside, inside + count])) &&
    !overlap(extents.map(({ outside, count }) => [outside, outside + count]));
  if (isSound) return extents;
  throw refuse(kind, text, 'want <container id>:<host id>:<count>, more after commas, that do not overlap');
}

function overlap(ranges: readonly (readonly [from: number, to: number])[]): boolean {
  const sorted = ranges.toSorted(([a], [b]) => a - b);
  return sorted.some(([, to], i) => to > (sorted[i + 1]?.[0] ?? Infinity));
}

function requireRoot(extents: readonly Extent[], kind: keyof IdMapping, text: string): void {
  if (!extents.some(({ inside }) => inside === 0))
    throw refuse(kind, text, 'it does not map the container’s id 0');
}

function refuse(kind: keyof IdMapping, text: string, why: string): CodedError {
  const label = ID_MAPPING_LABELS[kind];
  const shown = JSON.stringify(text.slice(0, 64));
  return new CodedError('invalid_argument', `Cannot map ids by label ${label}=${shown}: ${why}`, {
    cure: 'Give both labels, as from /etc/subuid and /etc/subgid: 0:100000:65536',
  });
}
