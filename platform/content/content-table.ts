import { labelOf, nowNs, type Labels } from '@lade/containerd-store';
import { migrate, transaction, type Database, type QueuedItem } from '@lade/sqlite';
import { currentTrace, formatTraceparent, parseTraceparent } from '@lade/tracing';
import type { ContentDigest } from './content-digest.ts';
import type { ContentInfo } from './content-info.ts';

/**
 * | column   | meaning |
 * |----------|---------|
 * | listed   | whether containerd knows it; what is not listed only waits for its upload |
 * | labels   | JSON object |
 *
 * `content_uploads` has what the bucket may still lack.
 */
const STEPS = [
  `CREATE TABLE content (
     digest TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
     labels TEXT NOT NULL, listed INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE content_uploads (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE REFERENCES content (digest)) STRICT;`,
  'ALTER TABLE content_uploads ADD COLUMN traceparent TEXT;',
];

const PAGE_ROWS = 200;

type Statement = ReturnType<Database['prepare']>;

/** What this node has of OCI content, and what of it has to be uploaded. Each method is one durable transaction. */
export class ContentTable {
  readonly #db: Database;
  readonly #get: Statement;
  readonly #page: Statement;
  readonly #put: Statement;
  readonly #setLabels: Statement;
  readonly #setListed: Statement;
  readonly #remove: Statement;
  readonly #digests: Statement;
  readonly #enqueue: Statement;
  readonly #isWaiting: Statement;
  readonly #firstUpload: Statement;
  readonly #moveToEnd: Statement;
  readonly #dequeue: Statement;
  readonly #waiting: Statement;

  constructor(db: Database) {
    migrate(db, 'content', STEPS);
    this.#db = db;
    this.#get = db.prepare('SELECT * FROM content WHERE digest = ?');
    this.#get.setReadBigInts(true);
    this.#page = db.prepare(
      `SELECT * FROM content WHERE digest > ? AND listed = 1 ORDER BY digest LIMIT ${PAGE_ROWS}`,
    );
    this.#page.setReadBigInts(true);
    this.#put = db.prepare('INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?, ?, 1)');
    this.#setLabels = db.prepare('UPDATE content SET labels = ?, updated_at = ? WHERE digest = ?');
    this.#setListed = db.prepare('UPDATE content SET listed = ? WHERE digest = ?');
    this.#remove = db.prepare('DELETE FROM content WHERE digest = ?');
    this.#digests = db.prepare('SELECT digest FROM content');
    this.#enqueue = db.prepare('INSERT OR IGNORE INTO content_uploads (digest, traceparent) VALUES (?, ?)');
    this.#isWaiting = db.prepare('SELECT 1 FROM content_uploads WHERE digest = ?');
    this.#firstUpload = db.prepare('SELECT id, digest, traceparent FROM content_uploads ORDER BY id LIMIT 1');
    this.#moveToEnd = db.prepare(
      'UPDATE content_uploads SET id = (SELECT max(id) FROM content_uploads) + 1 WHERE id = ?',
    );
    this.#dequeue = db.prepare('DELETE FROM content_uploads WHERE digest = ?');
    this.#waiting = db.prepare('SELECT count(*) AS n FROM content_uploads');
  }

  /** What containerd knows. */
  listed(digest: ContentDigest): ContentInfo | undefined {
    const row = this.#get.get(digest);
    return row && row['listed'] === 1n ? toInfo(row) : undefined;
  }

  /** All that containerd knows; reads in pages, so the caller may change the table meanwhile. */
  *walk(): Generator<ContentInfo> {
    for (let last = ''; ;) {
      const infos = this.#page.all(last).map(toInfo);
      yield* infos;
      if (infos.length < PAGE_ROWS) return;
      last = infos.at(-1)?.digest ?? last;
    }
  }

  /** Adds content, or lists it again; `upload` says whether the bucket may lack it. */
  add(digest: ContentDigest, content: { sizeBytes: number; labels: Labels; upload: boolean }): void {
    const { sizeBytes, labels, upload } = content;
    transaction(this.#db, () => {
      const waits = this.isWaiting(digest);
      this.#dequeue.run(digest);
      const now = nowNs();
      this.#put.run(digest, sizeBytes, now, now, JSON.stringify(labels));
      const trace = currentTrace();
      if (upload || waits) this.#enqueue.run(digest, trace ? formatTraceparent(trace) : null);
    });
  }

  setLabels(info: ContentInfo, labels: Labels): ContentInfo {
    const now = nowNs();
    const updatedAt = now > info.updatedAt ? now : info.updatedAt + 1n;
    this.#setLabels.run(JSON.stringify(labels), updatedAt, info.digest);
    return { ...info, labels, updatedAt };
  }

  /** Forgets content. Returns whether its file may go too: not while the bucket may lack it. */
  forget(digest: ContentDigest): boolean {
    return transaction(this.#db, () => {
      const keeps = this.isWaiting(digest);
      if (keeps) this.#setListed.run(0, digest);
      else this.#remove.run(digest);
      return !keeps;
    });
  }

  /** The bucket has it. Returns whether the file has no use any more. */
  uploaded(digest: ContentDigest): boolean {
    return transaction(this.#db, () => {
      this.#dequeue.run(digest);
      if (this.listed(digest)) return false;
      this.#remove.run(digest);
      return true;
    });
  }

  isWaiting(digest: ContentDigest): boolean {
    return this.#isWaiting.get(digest) !== undefined;
  }

  firstUpload(): QueuedItem<ContentDigest> | undefined {
    const row = this.#firstUpload.get();
    const trace = parseTraceparent(String(row?.['traceparent'] ?? ''));
    return row && { id: Number(row['id']), item: row['digest'] as ContentDigest, trace };
  }

  moveToEnd(id: number): void {
    this.#moveToEnd.run(id);
  }

  waiting(): number {
    return Number(this.#waiting.get()?.['n']);
  }

  /** Listed or not. */
  digests(): ContentDigest[] {
    return this.#digests.all().map((row) => row['digest'] as ContentDigest);
  }
}

/** The value at a field path of containerd's filters. */
export function fieldOf(info: ContentInfo, [field, ...rest]: readonly string[]): string | undefined {
  if (field === 'digest') return info.digest;
  return field === 'labels' ? labelOf(info.labels, rest.join('.')) : undefined;
}

function toInfo(row: Readonly<Record<string, unknown>>): ContentInfo {
  return {
    digest: row['digest'] as ContentDigest,
    sizeBytes: Number(row['size_bytes']),
    createdAt: row['created_at'] as bigint,
    updatedAt: row['updated_at'] as bigint,
    labels: JSON.parse(row['labels'] as string) as Labels,
  };
}
