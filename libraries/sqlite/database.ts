import { DatabaseSync } from 'node:sqlite';
import { CodedError, wrapError, type ErrorCode } from '@lade/errors';

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
  if (versionOf(db, unit) === steps.length) return;
  transaction(db, () => {
    const version = versionOf(db, unit);
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

function versionOf(db: Database, unit: string): number {
  const row = db.prepare('SELECT version FROM schema_versions WHERE unit = ?').get(unit);
  return Number(row?.['version'] ?? 0);
}

/**
 * Runs `work` as one transaction, or as part of the one that is open; a throw undoes the outermost. Throws
 * `resource_exhausted` on a full disk, `permission_denied` for a file that cannot be written.
 */
export function transaction<T>(db: Database, work: () => T): T {
  if (db.isTransaction) return work();
  try {
    db.exec('BEGIN IMMEDIATE');
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (reason) {
    if (db.isTransaction) db.exec('ROLLBACK');
    const isOurs = (reason as NodeJS.ErrnoException | undefined)?.code === 'ERR_SQLITE_ERROR';
    throw isOurs ? asCoded(reason, `Cannot write database ${db.location() ?? 'in memory'}`) : reason;
  }
}

const MOVE_ASIDE = 'Move it aside; the node starts empty and fetches what it needs from the bucket';

/** By primary result code (sqlite3.h): what it says about the file, and what to do. */
const FAILURES: Readonly<Record<number, readonly [code: ErrorCode, state: string, cure: string]>> = {
  8: ['permission_denied', 'it is read-only', 'Make the file and its file system writable'],
  10: ['data_loss', 'the disk is full or failing', 'See whether it is full (df) or failing (dmesg)'],
  11: ['data_loss', 'the file is damaged', MOVE_ASIDE],
  13: ['resource_exhausted', 'the disk is full', 'Free space on the disk, and try again'],
  26: ['data_loss', 'the file is damaged', MOVE_ASIDE],
};

function asCoded(reason: unknown, attempted: string): CodedError {
  const primary = ((reason as { errcode?: number }).errcode ?? 0) & 0xff;
  const failure = FAILURES[primary];
  if (!failure) return wrapError(reason, attempted);
  const [code, state, cure] = failure;
  return new CodedError(code, `${attempted}: ${state}`, { cure, cause: reason });
}
