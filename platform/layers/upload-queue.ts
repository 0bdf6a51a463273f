import { isCodedError } from '@lade/errors';
import type { Logger } from '@lade/log';
import { parseDigest, type Digest } from '@lade/oci';
import { QueueWorker, migrate, type Database } from '@lade/sqlite';
import { currentTrace, formatTraceparent, parseTraceparent } from '@lade/tracing';

const STEPS = [
  `CREATE TABLE uploads (
     id INTEGER PRIMARY KEY, chain_id TEXT NOT NULL UNIQUE, parent_chain_id TEXT, diff_id TEXT NOT NULL
   ) STRICT;
   CREATE INDEX uploads_by_diff_id ON uploads (diff_id);`,
  'ALTER TABLE uploads ADD COLUMN traceparent TEXT;',
];

/** A layer on top of a chain that the bucket has to get. */
export interface Upload {
  readonly chainId: Digest;
  readonly parentChainId: Digest | undefined;
  readonly diffId: Digest;
}

/**
 * The durable queue between this node and the bucket: what is enqueued is uploaded, now or after any number of
 * failures and restarts. Disposing stops the upload that runs and keeps it queued.
 */
export class UploadQueue implements AsyncDisposable {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #worker: QueueWorker<Upload>;

  /** `upload` must be safe to repeat. */
  constructor(db: Database, upload: (upload: Upload, signal: AbortSignal) => Promise<void>, log: Logger) {
    migrate(db, 'uploads', STEPS);
    const statements = prepare(db);
    this.#statements = statements;
    const table = {
      first() {
        const row = statements.first.get();
        const trace = parseTraceparent(String(row?.['traceparent'] ?? ''));
        return row && { id: Number(row['id']), item: readUpload(row), trace };
      },
      moveToEnd: (id: number) => void statements.moveToEnd.run(id),
      remove: (id: number) => void statements.remove.run(id),
    };
    const describe = ({ diffId, chainId }: Upload) => ({ diffId, chainId });
    this.#worker = new QueueWorker(table, { name: 'upload', run: upload, describe, isHopeless }, log);
  }

  /** Part of the caller's transaction, if one is open; and of the caller's trace, also after a restart. */
  enqueue({ chainId, parentChainId, diffId }: Upload): void {
    const trace = currentTrace();
    const traceparent = trace ? formatTraceparent(trace) : null;
    this.#statements.insert.run(chainId, parentChainId ?? null, diffId, traceparent);
    this.#worker.wake();
  }

  start(): void {
    this.#worker.start();
  }

  /** How many uploads wait, and why the last attempt failed, if it did. */
  status(): { readonly waiting: number; readonly lastError: string | undefined } {
    return { waiting: Number(this.#statements.count.get()?.['n']), lastError: this.#worker.lastError };
  }

  /** Whether the bucket may still lack this layer. */
  isWaiting(diffId: Digest): boolean {
    return this.#statements.byDiffId.get(diffId) !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker[Symbol.asyncDispose]();
  }
}

/** An upload whose layer vanished from this node cannot succeed by trying again. */
function isHopeless(reason: unknown): boolean {
  return isCodedError(reason, 'not_found') && reason.details['localLayer'] === 'gone';
}

function readUpload(row: Record<string, unknown>): Upload {
  const parent = row['parent_chain_id'];
  return {
    chainId: parseDigest(String(row['chain_id'])),
    parentChainId: typeof parent === 'string' ? parseDigest(parent) : undefined,
    diffId: parseDigest(String(row['diff_id'])),
  };
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the statements' own types say it best
function prepare(db: Database) {
  return {
    insert: db.prepare(
      'INSERT OR IGNORE INTO uploads (chain_id, parent_chain_id, diff_id, traceparent) VALUES (?, ?, ?, ?)',
    ),
    first: db.prepare('SELECT * FROM uploads ORDER BY id LIMIT 1'),
    byDiffId: db.prepare('SELECT 1 FROM uploads WHERE diff_id = ?'),
    count: db.prepare('SELECT count(*) AS n FROM uploads'),
    moveToEnd: db.prepare('UPDATE uploads SET id = (SELECT max(id) FROM uploads) + 1 WHERE id = ?'),
    remove: db.prepare('DELETE FROM uploads WHERE id = ?'),
  };
}
