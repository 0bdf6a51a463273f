import { nowNs } from '@lade/containerd-store';
import { migrate, type Database } from '@lade/sqlite';

const STEPS = [
  `CREATE TABLE ingests (
     id INTEGER PRIMARY KEY AUTOINCREMENT, ref TEXT NOT NULL UNIQUE, total INTEGER NOT NULL,
     started_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
   ) STRICT;`,
];

/** `id` is never used twice; it names the file. */
export interface IngestRow {
  readonly id: number;
  readonly ref: string;
  readonly total: number;
  readonly startedAt: bigint;
  readonly updatedAt: bigint;
}

type Statement = ReturnType<Database['prepare']>;

/** The ingests that were begun and neither committed nor aborted. */
export class IngestTable {
  readonly #get: Statement;
  readonly #all: Statement;
  readonly #add: Statement;
  readonly #restart: Statement;
  readonly #touch: Statement;
  readonly #remove: Statement;

  constructor(db: Database) {
    migrate(db, 'ingests', STEPS);
    this.#get = db.prepare('SELECT * FROM ingests WHERE ref = ?');
    this.#get.setReadBigInts(true);
    this.#all = db.prepare('SELECT * FROM ingests ORDER BY ref');
    this.#all.setReadBigInts(true);
    this.#add = db.prepare('INSERT INTO ingests (ref, total, started_at, updated_at) VALUES (?, ?, ?, ?)');
    this.#restart = db.prepare('UPDATE ingests SET total = ?, started_at = ?, updated_at = ? WHERE id = ?');
    this.#touch = db.prepare('UPDATE ingests SET updated_at = ? WHERE id = ?');
    this.#remove = db.prepare('DELETE FROM ingests WHERE id = ?');
  }

  get(ref: string): IngestRow | undefined {
    const row = this.#get.get(ref);
    return row && toRow(row);
  }

  all(): IngestRow[] {
    return this.#all.all().map(toRow);
  }

  add(ref: string, total: number): IngestRow {
    const now = nowNs();
    const { lastInsertRowid } = this.#add.run(ref, total, now, now);
    return { id: Number(lastInsertRowid), ref, total, startedAt: now, updatedAt: now };
  }

  /** Begins the ingest anew. */
  restart(row: IngestRow, total: number): IngestRow {
    const now = nowNs();
    this.#restart.run(total, now, now, row.id);
    return { ...row, total, startedAt: now, updatedAt: now };
  }

  touch(id: number, updatedAt: bigint): void {
    this.#touch.run(updatedAt, id);
  }

  remove(id: number): void {
    this.#remove.run(id);
  }
}

function toRow(row: Readonly<Record<string, unknown>>): IngestRow {
  return {
    id: Number(row['id']),
    ref: row['ref'] as string,
    total: Number(row['total']),
    startedAt: row['started_at'] as bigint,
    updatedAt: row['updated_at'] as bigint,
  };
}
