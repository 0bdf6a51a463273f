import { migrate, transaction, type Database } from '@lade/sqlite';
import { COLUMNS } from './figures.ts';

const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

export type HistoryStep = 'minute' | 'hour';

/** How long a step is, and for how long it is kept. Seconds, as all times here: since 1970. */
export const STEPS: Readonly<Record<HistoryStep, { readonly stepS: number; readonly keptS: number }>> = {
  minute: { stepS: MINUTE_S, keptS: DAY_S },
  hour: { stepS: HOUR_S, keptS: 30 * DAY_S },
};
const STEP_NAMES: readonly HistoryStep[] = ['minute', 'hour'];

/** The objects of one kind in the bucket. */
export interface KindSize {
  readonly kind: string;
  readonly objects: number;
  readonly bytes: number;
}

/** A bucket without objects is as large as that, too. */
const NOTHING: readonly KindSize[] = [{ kind: 'other', objects: 0, bytes: 0 }];

export interface WorkRow {
  /** Begin of the step. */
  readonly at: number;
  /** As takeFigures(). */
  readonly figures: readonly number[];
}

export interface SizeRow extends KindSize {
  readonly at: number;
}

const MIGRATIONS = [
  `CREATE TABLE history_work (
     step TEXT NOT NULL, at INTEGER NOT NULL,
     read_requests INTEGER NOT NULL, read_errors INTEGER NOT NULL,
     read_sent_bytes INTEGER NOT NULL, read_received_bytes INTEGER NOT NULL,
     write_requests INTEGER NOT NULL, write_errors INTEGER NOT NULL,
     write_sent_bytes INTEGER NOT NULL, write_received_bytes INTEGER NOT NULL,
     list_requests INTEGER NOT NULL, list_errors INTEGER NOT NULL,
     list_sent_bytes INTEGER NOT NULL, list_received_bytes INTEGER NOT NULL,
     delete_requests INTEGER NOT NULL, delete_errors INTEGER NOT NULL,
     delete_sent_bytes INTEGER NOT NULL, delete_received_bytes INTEGER NOT NULL,
     filled_bucket INTEGER NOT NULL, filled_hot INTEGER NOT NULL, filled_copied INTEGER NOT NULL,
     filled_adopted INTEGER NOT NULL, filled_zero INTEGER NOT NULL,
     waits INTEGER NOT NULL, wait_ms REAL NOT NULL,
     PRIMARY KEY (step, at)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE history_sizes (
     step TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
     objects INTEGER NOT NULL, bytes INTEGER NOT NULL,
     PRIMARY KEY (step, at, kind)
   ) STRICT, WITHOUT ROWID`,
];
const ADD_WORK = `INSERT INTO history_work (step, at, ${COLUMNS.join(', ')}) VALUES (?, ?${', ?'.repeat(COLUMNS.length)})
  ON CONFLICT DO UPDATE SET ${COLUMNS.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')}`;

/** What was asked of the bucket and how large it was, by minutes and by hours, in the state database: at most 2,160 steps. */
export class HistoryTable {
  readonly #db: Database;

  constructor(db: Database) {
    migrate(db, 'history', MIGRATIONS);
    this.#db = db;
  }

  /** Adds to the minute and the hour of `at`, and forgets what is too old by `now`. */
  addWork(at: number, figures: readonly number[], now: number): void {
    transaction(this.#db, () => {
      const add = this.#db.prepare(ADD_WORK);
      for (const step of STEP_NAMES) add.run(step, beginOf(step, at), ...figures);
      this.#forgetOld(now);
    });
  }

  /** What a listing that began at `at` has found; forgets what is too old by `now`. */
  setSizes(at: number, kinds: readonly KindSize[], now: number): void {
    transaction(this.#db, () => {
      const forget = this.#db.prepare('DELETE FROM history_sizes WHERE step = ? AND at = ?');
      const add = this.#db.prepare('INSERT INTO history_sizes VALUES (?, ?, ?, ?, ?)');
      for (const step of STEP_NAMES) {
        const begin = beginOf(step, at);
        forget.run(step, begin);
        for (const { kind, objects, bytes } of kinds.length === 0 ? NOTHING : kinds)
          add.run(step, begin, kind, objects, bytes);
      }
      this.#forgetOld(now);
    });
  }

  /** Steps from `since` to `until`, the first of them first. */
  work(step: HistoryStep, since: number, until: number): WorkRow[] {
    const sql = `SELECT at, ${COLUMNS.join(', ')} FROM history_work WHERE step = ? AND at BETWEEN ? AND ? ORDER BY at`;
    return this.#rows(sql, step, since, until).map(([at, ...figures]) => ({
      at: Number(at),
      figures: figures.map(Number),
    }));
  }

  /** Of the steps from `since` to `until` and of the last one before them, the first of them first. */
  sizes(step: HistoryStep, since: number, until: number): SizeRow[] {
    const sql = `SELECT at, kind, objects, bytes FROM history_sizes WHERE step = ?1 AND at <= ?3 AND at >=
      coalesce((SELECT max(at) FROM history_sizes WHERE step = ?1 AND at <= ?2), ?2) ORDER BY at, kind`;
    return this.#rows(sql, step, since, until).map(([at, kind, objects, bytes]) => ({
      at: Number(at),
      kind: String(kind),
      objects: Number(objects),
      bytes: Number(bytes),
    }));
  }

  /** As arrays: a day of minutes as objects would take several times as long. */
  #rows(sql: string, ...values: readonly (string | number)[]): (readonly unknown[])[] {
    const statement = this.#db.prepare(sql);
    statement.setReturnArrays(true);
    return statement.all(...values) as unknown as (readonly unknown[])[];
  }

  /** Also what a clock has written that went ahead. The last size from before stays: it is that of the bucket until the next one. */
  #forgetOld(now: number): void {
    const work = this.#db.prepare('DELETE FROM history_work WHERE step = ? AND (at < ? OR at > ?)');
    const sizes = this.#db.prepare(
      `DELETE FROM history_sizes WHERE step = ?1 AND (at > ?3 OR
         at < (SELECT max(at) FROM history_sizes WHERE step = ?1 AND at <= ?2))`,
    );
    for (const step of STEP_NAMES) {
      const { keptS } = STEPS[step];
      const oldest = beginOf(step, now - keptS);
      work.run(step, oldest, now + HOUR_S);
      sizes.run(step, oldest, now + HOUR_S);
    }
  }
}

export function beginOf(step: HistoryStep, at: number): number {
  return at - (at % STEPS[step].stepS);
}
