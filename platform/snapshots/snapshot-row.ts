import type { Digest } from '@lade/oci';
import type { Labels } from '@lade/containerd-store';
import type { IdMapping } from './id-mapping.ts';
import type { Info, Kind, Usage } from './snapshot.ts';

/** What isDigest() accepts, as SQLite's GLOB wants it. */
const DIGEST = `sha256:${'[0-9a-f]'.repeat(64)}`;

/**
 * The tables of this unit, step by step.
 *
 * | column          | meaning |
 * |-----------------|---------|
 * | id              | never used twice; names the directory |
 * | key             | containerd's key (active, view) or name (committed), one name space |
 * | labels          | JSON object |
 * | ref             | the label containerd.io/snapshot.ref |
 * | diff_id         | the converted layer that is the content; NULL: the content is the directory |
 * | chain_id        | of a committed snapshot: of its layer and its ancestors; of a directory: what containerd says that it is |
 * | size_bytes, inodes | usage of a committed directory, NULL until it was asked for |
 * | corrected       | whether fixes/<id> must lie above the layer; NULL until a mount asked |
 * | replaced_in     | the boot in which a layer took the place of the directory, as long as the directory is there: mounts of that boot may show it |
 * | uid_map, gid_map | of a snapshot whose mounts have containerd map ids |
 * | apart           | containerd tells its parent at the commit (active), or does not know that it has one (committed) |
 * | published_chain | of an active snapshot with a layer: the chain that need not be published when it is committed on it |
 */
export const SCHEMA: readonly string[] = [
  `CREATE TABLE snapshots (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     key TEXT NOT NULL UNIQUE,
     parent_id INTEGER REFERENCES snapshots (id),
     kind TEXT NOT NULL CHECK (kind IN ('view', 'active', 'committed')),
     created_at INTEGER NOT NULL,
     updated_at INTEGER NOT NULL,
     labels TEXT NOT NULL,
     ref TEXT GENERATED ALWAYS AS (labels ->> '$."containerd.io/snapshot.ref"') VIRTUAL,
     diff_id TEXT,
     chain_id TEXT,
     size_bytes INTEGER,
     inodes INTEGER,
     corrected INTEGER
   ) STRICT;
   CREATE INDEX snapshots_by_parent ON snapshots (parent_id);
   CREATE INDEX snapshots_by_ref ON snapshots (ref, parent_id) WHERE ref IS NOT NULL;
   CREATE INDEX snapshots_by_diff_id ON snapshots (diff_id) WHERE diff_id IS NOT NULL;
   CREATE INDEX snapshots_by_chain_id ON snapshots (chain_id) WHERE chain_id IS NOT NULL;`,
  `ALTER TABLE snapshots ADD COLUMN replaced_in TEXT;
   UPDATE snapshots SET chain_id = coalesce(ref, substr(key, -71))
     WHERE kind = 'committed' AND chain_id IS NULL AND '/' || coalesce(ref, key) GLOB '*/${DIGEST}';`,
  `ALTER TABLE snapshots ADD COLUMN uid_map TEXT; ALTER TABLE snapshots ADD COLUMN gid_map TEXT;`,
  `ALTER TABLE snapshots ADD COLUMN apart INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE snapshots ADD COLUMN published_chain TEXT;`,
];

/** What every query for rows selects; statements that use it read integers as bigint. */
export const SELECT_ROWS = `
  SELECT s.id, s.key, s.parent_id, (SELECT key FROM snapshots WHERE id = s.parent_id AND s.apart = 0) AS parent,
         s.kind, s.created_at, s.updated_at, s.labels, s.diff_id, s.chain_id, s.size_bytes, s.inodes, s.corrected,
         s.replaced_in, s.uid_map, s.gid_map, s.apart, s.published_chain
  FROM snapshots s`;

export interface SnapshotRow {
  readonly id: number;
  readonly parentId: number | undefined;
  /** As containerd knows it. */
  readonly info: Info;
  readonly diffId: Digest | undefined;
  readonly chainId: Digest | undefined;
  readonly usage: Usage | undefined;
  readonly corrected: boolean | undefined;
  /** It has a layer, and still the directory that the layer has replaced. */
  readonly isReplaced: boolean;
  readonly idMapping: IdMapping | undefined;
  /** containerd tells its parent at the commit, or does not know that it has one. */
  readonly isApart: boolean;
  readonly publishedChain: Digest | undefined;
}

export type Columns = Readonly<Record<string, unknown>>;

export function toRow(columns: Columns): SnapshotRow {
  const { id, key, parent_id, parent, kind, created_at, updated_at, labels } = columns;
  const { diff_id, chain_id, size_bytes, inodes, corrected, replaced_in, uid_map, gid_map } = columns;
  const { apart, published_chain } = columns;
  return {
    id: Number(id),
    parentId: parent_id === null ? undefined : Number(parent_id),
    info: {
      name: key as string,
      parent: (parent as string | null) ?? '',
      kind: kind as Kind,
      createdAt: created_at as bigint,
      updatedAt: updated_at as bigint,
      labels: JSON.parse(labels as string) as Labels,
    },
    diffId: (diff_id as Digest | null) ?? undefined,
    chainId: (chain_id as Digest | null) ?? undefined,
    usage: size_bytes === null ? undefined : { sizeBytes: Number(size_bytes), inodes: Number(inodes) },
    corrected: corrected === null ? undefined : corrected === 1n,
    isReplaced: replaced_in !== null,
    idMapping: uid_map === null ? undefined : { uids: uid_map as string, gids: gid_map as string },
    isApart: apart === 1n,
    publishedChain: (published_chain as Digest | null) ?? undefined,
  };
}
