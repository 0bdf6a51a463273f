import type { Digest } from '@lade/oci';
import type { Database } from '@lade/sqlite';

/** A committed snapshot below a container's. */
export interface SnapshotLevel {
  /** Undefined for a directory. */
  readonly diffId: Digest | undefined;
  /** Undefined for one that is no layer of an image. */
  readonly chainId: Digest | undefined;
}

/** What a container's snapshot stands on. */
export interface SnapshotLevels {
  readonly createdAt: Date;
  /** Bottom first. */
  readonly levels: readonly SnapshotLevel[];
}

/** containerd has snapshots below `<namespace>/<number>/`. */
const FIND = `
  SELECT id, parent_id, created_at / 1000000 AS created_ms FROM snapshots
  WHERE kind <> 'committed' AND substr(key, 1, length($head)) = $head AND substr(key, -length($tail)) = $tail
    AND length(key) > length($head) + length($tail)
  ORDER BY id DESC LIMIT 1`;

const LEVELS = `
  WITH RECURSIVE chain (link, depth) AS (
    VALUES (?, 0) UNION ALL
    SELECT parent_id, depth + 1 FROM chain JOIN snapshots ON id = link WHERE parent_id IS NOT NULL)
  SELECT diff_id, chain_id FROM chain JOIN snapshots ON id = link ORDER BY depth DESC`;

const USERS = `
  WITH RECURSIVE chain (user, link) AS (
    SELECT id, parent_id FROM snapshots WHERE kind <> 'committed' AND parent_id IS NOT NULL UNION ALL
    SELECT user, parent_id FROM chain JOIN snapshots ON id = link WHERE parent_id IS NOT NULL)
  SELECT diff_id, count(DISTINCT user) AS users FROM chain JOIN snapshots ON id = link
  WHERE diff_id IS NOT NULL GROUP BY diff_id`;

/** Of the active snapshot that containerd calls `key` in a namespace; undefined where there is none. */
export function findSnapshotLevels(db: Database, namespace: string, key: string): SnapshotLevels | undefined {
  const found = db.prepare(FIND).get({ $head: `${namespace}/`, $tail: `/${key}` });
  if (!found) return undefined;
  const rows = db.prepare(LEVELS).all(found['parent_id'] ?? null);
  return {
    createdAt: new Date(Number(found['created_ms'])),
    levels: rows.map(({ diff_id, chain_id }) => ({
      diffId: (diff_id as Digest | null) ?? undefined,
      chainId: (chain_id as Digest | null) ?? undefined,
    })),
  };
}

/** How many active snapshots and views stand on each layer that has any. */
export function countLayerUsers(db: Database): ReadonlyMap<Digest, number> {
  const rows = db.prepare(USERS).all();
  return new Map(rows.map(({ diff_id, users }) => [diff_id as Digest, Number(users)]));
}
