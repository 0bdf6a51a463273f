import {
  countRequest,
  createRequestCounts,
  type BucketRequest,
  type RequestClass,
  type RequestCounts,
} from '@lade/bucket';
import { migrate, transaction, type Database } from '@lade/sqlite';

/** By months as `2026-11`, UTC. */
export type MonthlyRequests = Readonly<Record<string, RequestCounts>>;

const STEPS = [
  `CREATE TABLE bucket_requests (
     month TEXT NOT NULL, class TEXT NOT NULL,
     requests INTEGER NOT NULL, errors INTEGER NOT NULL,
     sent_bytes INTEGER NOT NULL, received_bytes INTEGER NOT NULL,
     PRIMARY KEY (month, class)
   ) STRICT;
   CREATE TABLE bucket_requests_since (at TEXT NOT NULL) STRICT;
   INSERT INTO bucket_requests_since VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))`,
];
const ADD = `INSERT INTO bucket_requests VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
  requests = requests + excluded.requests, errors = errors + excluded.errors,
  sent_bytes = sent_bytes + excluded.sent_bytes, received_bytes = received_bytes + excluded.received_bytes`;
const CLASSES = Object.keys(createRequestCounts()) as readonly RequestClass[];
const MAX_MONTHS = 13;

/** What this node has asked of the bucket month by month, over all its daemons. A crash loses what came since the last record(). */
export class RequestTotals {
  /** Of this daemon alone. */
  readonly counts: RequestCounts = createRequestCounts();
  readonly #db: Database;
  #recorded = createRequestCounts();

  constructor(db: Database) {
    migrate(db, 'nodes', STEPS);
    this.#db = db;
  }

  count(request: BucketRequest): void {
    countRequest(this.counts, request);
  }

  /** Adds what has come since the last time. */
  record(now: Date): void {
    const counts = structuredClone(this.counts);
    const month = now.toISOString().slice(0, 'yyyy-mm'.length);
    const add = this.#db.prepare(ADD);
    transaction(this.#db, () => {
      for (const name of CLASSES) {
        const [to, from] = [counts[name], this.#recorded[name]];
        const sent = to.sentBytes - from.sentBytes;
        const received = to.receivedBytes - from.receivedBytes;
        add.run(month, name, to.requests - from.requests, to.errors - from.errors, sent, received);
      }
    });
    this.#recorded = counts;
  }

  /** The last months, the first of them first. */
  months(): MonthlyRequests {
    const months: Record<string, RequestCounts> = {};
    for (const row of this.#db.prepare('SELECT * FROM bucket_requests ORDER BY month').all()) {
      const counts = (months[String(row['month'])] ??= createRequestCounts());
      Object.assign(counts[row['class'] as RequestClass], {
        requests: Number(row['requests']),
        errors: Number(row['errors']),
        sentBytes: Number(row['sent_bytes']),
        receivedBytes: Number(row['received_bytes']),
      });
    }
    return Object.fromEntries(Object.entries(months).slice(-MAX_MONTHS));
  }

  get since(): string {
    return String(this.#db.prepare('SELECT at FROM bucket_requests_since').get()?.['at']);
  }
}
