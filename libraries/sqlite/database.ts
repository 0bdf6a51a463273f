import { DatabaseSync } from 'node:sqlite';
import { CodedError, wrapError } from '@lade/errors';

export type Database = DatabaseSync;

/**
 * Opens (or creates) a database in WAL mode. Every committed transaction is on disk before the call that commits
 * returns. Throws `data_loss` for a file that is no database.
 */
export function openDatabase(path: string): Database {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 5_000 });
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    return db;
  } catch (reason) {
    db?.close();
    throw asCoded(reason, `Cannot open database ${path}`);
  }
}

/**
 * Brings the tables of one unit up to date. `steps[i]` is the SQL that leads from version i to i + 1; steps are
 * append-only. Throws `failed_precondition` when the file was written by a newer release.
 */
export function migrate(db: Database, unit: string, steps: readonly string[]): void {
  db.exec(
    'CREATE TABLE IF NOT EXISTS schema_versions (unit TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT',
  );
  transaction(db, () => {
    const row = db.prepare('SELECT version FROM schema_versions WHERE unit = ?').get(unit);
    const version = Number(row?.['version'] ?? 0);
    if (version > steps.length) {
      throw new CodedError(
        'failed_precondition',
        `Cannot open state of ${unit}: version ${version} is newer than the supported ${steps.length}`,
        { cure: 'Start the release that wrote it, or a newer one' },
      );
    }
    for (const step of steps.slice(version)) db.exec(step);
    db.prepare('INSERT OR REPLACE INTO schema_versions VALUES (?, ?)').run(unit, steps.length);
  });
}

/** Runs `work` as one transaction, or as part of the one that is open; a throw undoes the outermost. */
export function transaction<T>(db: Database, work: () => T): T {
  if (db.isTransaction) return work();
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (reason) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw reason;
  }
}

const SQLITE_FULL = 13;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

function asCoded(reason: unknown, attempted: string): CodedError {
  const primary = ((reason as { errcode?: number }).errcode ?? 0) & 0xff;
  if (primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB) {
    return new CodedError('data_loss', `${attempted}: the file is damaged`, {
      cure: 'Move it aside; the node starts empty and fetches what it needs from the bucket',
      cause: reason,
    });
  }
  if (primary === SQLITE_FULL)
    return new CodedError('resource_exhausted', `${attempted}: the disk is full`, { cause: reason });
  return wrapError(reason, attempted);
}
