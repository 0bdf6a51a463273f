import { setTimeout as sleep } from 'node:timers/promises';
import { fromUnknown, isCodedError } from '@lade/errors';
import type { Logger } from '@lade/log';
import { parseDigest, type Digest } from '@lade/oci';
import { migrate, type Database } from '@lade/sqlite';

const STEPS = [
  `CREATE TABLE uploads (
     id INTEGER PRIMARY KEY, chain_id TEXT NOT NULL UNIQUE, parent_chain_id TEXT, diff_id TEXT NOT NULL
   ) STRICT;
   CREATE INDEX uploads_by_diff_id ON uploads (diff_id);`,
];

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 60_000;

/** A layer on top of a chain that the bucket has to get. */
export interface Upload {
  readonly chainId: Digest;
  readonly parentChainId: Digest | undefined;
  readonly diffId: Digest;
}

/**
 * The durable queue between this node and the bucket: what is enqueued is uploaded, now or after any number of
 * failures and restarts; one that fails goes to the end. Disposing stops the upload that runs and keeps it queued.
 */
export class UploadQueue implements AsyncDisposable {
  readonly #db: Database;
  readonly #upload: (upload: Upload, signal: AbortSignal) => Promise<void>;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #statements: ReturnType<typeof prepare>;
  #wake = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;
  #lastError: string | undefined;

  /** `upload` must be safe to repeat. */
  constructor(db: Database, upload: (upload: Upload, signal: AbortSignal) => Promise<void>, log: Logger) {
    migrate(db, 'uploads', STEPS);
    this.#db = db;
    this.#upload = upload;
    this.#log = log;
    this.#statements = prepare(this.#db);
  }

  /** Part of the caller's transaction, if one is open. */
  enqueue({ chainId, parentChainId, diffId }: Upload): void {
    this.#statements.insert.run(chainId, parentChainId ?? null, diffId);
    this.#wake.resolve();
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** How many uploads wait, and why the last attempt failed, if it did. */
  status(): { readonly waiting: number; readonly lastError: string | undefined } {
    return { waiting: Number(this.#statements.count.get()?.['n']), lastError: this.#lastError };
  }

  /** Whether the bucket may still lack this layer. */
  isWaiting(diffId: Digest): boolean {
    return this.#statements.byDiffId.get(diffId) !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake.resolve();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      const row = this.#statements.first.get();
      if (!row) {
        await this.#wake.promise;
        continue;
      }
      if (await this.#attemptSafely(Number(row['id']), readUpload(row))) retryMs = FIRST_RETRY_MS;
      else {
        await sleep(retryMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      }
    }
  }

  /** A state database that cannot be written, on a full disk, is one more reason to try later. */
  async #attemptSafely(id: number, upload: Upload): Promise<boolean> {
    try {
      return await this.#attempt(id, upload);
    } catch (reason) {
      this.#lastError = fromUnknown(reason).message;
      this.#log.error('upload not recorded, will retry', { ...upload, error: reason });
      return false;
    }
  }

  async #attempt(id: number, upload: Upload): Promise<boolean> {
    const { diffId, chainId } = upload;
    try {
      await this.#upload(upload, this.#stop.signal);
      this.#lastError = undefined;
    } catch (reason) {
      if (this.#stop.signal.aborted) return false;
      this.#lastError = fromUnknown(reason).message;
      if (!isCodedError(reason, 'not_found') || !isGone(reason)) {
        this.#log.warn('upload failed, will retry', { diffId, chainId, error: reason });
        this.#statements.moveToEnd.run(id);
        return false;
      }
      this.#log.error('upload dropped: the layer is gone from this node', { diffId, chainId, error: reason });
    }
    this.#statements.remove.run(id);
    return true;
  }
}

/** An upload whose source vanished cannot succeed by trying again. */
function isGone(reason: { readonly details: Readonly<Record<string, unknown>> }): boolean {
  return reason.details['localLayer'] === 'gone';
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
    insert: db.prepare('INSERT OR IGNORE INTO uploads (chain_id, parent_chain_id, diff_id) VALUES (?, ?, ?)'),
    first: db.prepare('SELECT * FROM uploads ORDER BY id LIMIT 1'),
    byDiffId: db.prepare('SELECT 1 FROM uploads WHERE diff_id = ?'),
    count: db.prepare('SELECT count(*) AS n FROM uploads'),
    moveToEnd: db.prepare('UPDATE uploads SET id = (SELECT max(id) FROM uploads) + 1 WHERE id = ?'),
    remove: db.prepare('DELETE FROM uploads WHERE id = ?'),
  };
}
