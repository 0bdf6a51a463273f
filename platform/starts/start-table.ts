import type { Digest } from '@lade/oci';
import { migrate, transaction, type Database } from '@lade/sqlite';
import type { Level } from './ports.ts';

/**
 * `first`: the image's first start here, on the node that had to convert it. `cold`: bytes had to come from the bucket for it, while it
 * started. `warm`: nothing was waited for.
 */
export type StartKind = 'first' | 'cold' | 'warm';

/** What came for a start, and who waited for it. */
export interface StartFigures {
  readonly kind: StartKind;
  readonly waits: number;
  readonly waitMs: number;
  readonly filledBytes: number;
  /** False while more may come for it, so that a warm one may still be cold. */
  readonly isOver: boolean;
}

/** One start of a container's task. */
export interface Start extends StartFigures {
  readonly namespace: string;
  readonly container: string;
  readonly image: string;
  readonly startedAt: Date;
  /** From the preparation of its snapshot, or from the creation of the task where that came later by itself, to its start. */
  readonly ms: number;
  /** From when its layers were asked for until they were all here; only of the first start after that. */
  readonly pullMs?: number;
}

const STEPS = [
  `CREATE TABLE starts (
     id INTEGER PRIMARY KEY AUTOINCREMENT, chain_id TEXT NOT NULL, kind TEXT NOT NULL,
     namespace TEXT NOT NULL, container TEXT NOT NULL, image TEXT NOT NULL,
     started_at INTEGER NOT NULL, ms REAL NOT NULL, pull_ms REAL,
     waits INTEGER NOT NULL, wait_ms REAL NOT NULL, filled_bytes INTEGER NOT NULL,
     over INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX starts_by_chain ON starts (chain_id, kind);
   CREATE INDEX starts_by_container ON starts (namespace, container);
   CREATE TABLE started_layers (diff_id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE starts_since (at INTEGER NOT NULL) STRICT;
   INSERT INTO starts_since VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER));`,
];

/** Of one image and kind. */
const MAX_ALIKE = 8;
const MAX_ROWS = 4_096;
const MAX_LAYERS = 16_384;

/** The last starts of each image on this node, by the chain id of its layers, in the state database. */
export class StartTable {
  readonly #db: Database;
  readonly #since: number;

  constructor(db: Database) {
    migrate(db, 'starts', STEPS);
    // Nobody follows what an earlier daemon has followed.
    db.exec('UPDATE starts SET over = 1 WHERE over = 0');
    this.#db = db;
    this.#since = Number(db.prepare('SELECT at FROM starts_since').get()?.['at']);
  }

  /** Whether no start here had these layers before, of which some were converted here since starts are recorded. */
  isFirst(chainId: Digest, levels: readonly Level[]): boolean {
    if (this.#db.prepare('SELECT 1 FROM starts WHERE chain_id = ? LIMIT 1').get(chainId)) return false;
    return levels.some(({ layer }) => {
      if (!layer) return true;
      if (layer.origin === 'fetched' || layer.createdAt.getTime() < this.#since) return false;
      const started = this.#db.prepare('SELECT at FROM started_layers WHERE diff_id = ?').get(layer.diffId);
      return started === undefined || Number(started['at']) < layer.createdAt.getTime();
    });
  }

  /** Returns the number by which its figures may be changed. */
  insert(chainId: Digest, levels: readonly Level[], start: Start): number {
    const { kind, namespace, container, image, startedAt, ms, pullMs = null } = start;
    const at = startedAt.getTime();
    const values = [chainId, kind, namespace, container, image, at, ms, pullMs];
    return transaction(this.#db, () => {
      const { lastInsertRowid } = this.#db
        .prepare(
          `INSERT INTO starts (chain_id, kind, namespace, container, image, started_at, ms, pull_ms, waits, wait_ms, filled_bytes, over)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(...values, start.waits, start.waitMs, start.filledBytes, Number(start.isOver));
      const used = this.#db.prepare('INSERT OR REPLACE INTO started_layers VALUES (?, ?)');
      for (const { layer } of levels) if (layer) used.run(layer.diffId, at);
      this.#forgetOld(chainId);
      return Number(lastInsertRowid);
    });
  }

  update(id: number, { kind, waits, waitMs, filledBytes, isOver }: StartFigures): void {
    this.#db
      .prepare('UPDATE starts SET kind = ?, waits = ?, wait_ms = ?, filled_bytes = ?, over = ? WHERE id = ?')
      .run(kind, waits, waitMs, filledBytes, Number(isOver), id);
  }

  /** The last starts of an image, by the chain id of all its layers; the last one first. */
  ofChain(chainId: Digest): Start[] {
    return this.#db
      .prepare('SELECT * FROM starts WHERE chain_id = ? ORDER BY id DESC')
      .all(chainId)
      .map(toStart);
  }

  /** The last start of a container's task that began after `since`. */
  ofContainer(namespace: string, container: string, since: Date): Start | undefined {
    const row = this.#db
      .prepare(
        'SELECT * FROM starts WHERE namespace = ? AND container = ? AND started_at >= ? ORDER BY id DESC LIMIT 1',
      )
      .get(namespace, container, since.getTime());
    return row && toStart(row);
  }

  /** What is left of a layer is enough to know that it was started. */
  #forgetOld(chainId: Digest): void {
    this.#db
      .prepare(
        `DELETE FROM starts WHERE id IN (
           SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY id DESC) AS age FROM starts WHERE chain_id = ?)
           WHERE age > ${MAX_ALIKE})`,
      )
      .run(chainId);
    this.#db.exec(`
      DELETE FROM starts WHERE id <= (SELECT id FROM starts ORDER BY id DESC LIMIT 1 OFFSET ${MAX_ROWS});
      DELETE FROM started_layers WHERE at < (SELECT at FROM started_layers ORDER BY at DESC LIMIT 1 OFFSET ${MAX_LAYERS})`);
  }
}

function toStart(row: Readonly<Record<string, unknown>>): Start {
  const pullMs = row['pull_ms'];
  return {
    kind: row['kind'] as StartKind,
    namespace: String(row['namespace']),
    container: String(row['container']),
    image: String(row['image']),
    startedAt: new Date(Number(row['started_at'])),
    ms: Number(row['ms']),
    ...(pullMs === null ? {} : { pullMs: Number(pullMs) }),
    waits: Number(row['waits']),
    waitMs: Number(row['wait_ms']),
    filledBytes: Number(row['filled_bytes']),
    isOver: row['over'] === 1,
  };
}
