import { join } from 'node:path';
import type { Bucket } from '@lade/bucket';
import type { Logger } from '@lade/log';
import type { Database } from '@lade/sqlite';
import type { ContentDigest } from './content-digest.ts';
import { ContentFolder } from './content-folder.ts';
import { ContentStore, type OtherContent } from './content-store.ts';
import { ContentTable } from './content-table.ts';
import { ContentQuota, type ContentLimit } from './content-quota.ts';
import { createContentUploads } from './content-uploads.ts';
import { NOTHING_COLLECTED, type ContentUses } from './content-uses.ts';
import { Ingests, type IngestGate } from './ingests.ts';
import { IngestTable } from './ingest-table.ts';
import { SharedContent } from './shared-content.ts';

export interface ContentOptions {
  /** The node's root; content lies in `content/` below. */
  readonly root: string;
  readonly db: Database;
  readonly bucket: Bucket;
  readonly log: Logger;
  /** With a name for this node that outlives restarts: what the bucket has counts as present here. */
  readonly sharedAs: string | undefined;
  /** What files of the bucket's content may take here; undefined: whatever containerd does not delete stays. */
  readonly limit?: ContentLimit | undefined;
  /** Default: nobody collects the bucket's garbage. */
  readonly uses?: ContentUses;
  /** Waits until an upload disturbs nobody. */
  readonly turn: (signal: AbortSignal) => Promise<void>;
}

/** This node's OCI content, and its way into the bucket. Disposing stops the uploads and keeps them queued. */
export interface Content extends AsyncDisposable {
  readonly store: ContentStore;
  readonly ingests: Ingests;
  /** Begins to upload. */
  start(): void;
  /** What is listed here. */
  digests(): Iterable<ContentDigest>;
  uploads(): { readonly waiting: number; readonly lastError: string | undefined };
}

/** Opens the store, and removes what a crash left of files that no row speaks of. */
export async function openContent(options: ContentOptions): Promise<Content> {
  const { root, db, bucket, log, sharedAs, limit, turn, uses = NOTHING_COLLECTED } = options;
  const folder = await ContentFolder.open(join(root, 'content'));
  const table = new ContentTable(db);
  const ingestTable = new IngestTable(db);
  folder.retain(
    table.digests(),
    ingestTable.all().map(({ id }) => id),
  );
  await using stack = new AsyncDisposableStack();
  const shared =
    sharedAs === undefined ? undefined : stack.use(new SharedContent({ bucket, uses }, sharedAs, log));
  const others = shared ?? new OwnContentOnly();
  const quota = limit && stack.use(new ContentQuota({ folder, table, log, ...limit }));
  const uploads = stack.use(
    createContentUploads({
      folder,
      table,
      bucket,
      log,
      uses,
      isUnusable: (digest) => others.hasUnusable(digest),
      // Another node may be waiting for it.
      turn: async (signal) => (shared ? undefined : turn(signal)),
      uploaded: (digest, sizeBytes) => {
        shared?.uploaded(digest, sizeBytes);
        quota?.reduce();
      },
      dropped: (digest) => shared?.dropped(digest),
    }),
  );
  const store = stack.use(
    new ContentStore({ folder, table, bucket, others, fetched: () => quota?.reduce() }),
  );
  const ingests = new Ingests({
    db,
    folder,
    table: ingestTable,
    content: table,
    gate: others,
    committed: () => uploads.wake(),
  });
  const owned = stack.move();
  return {
    store,
    ingests,
    start: () => {
      uploads.start();
      quota?.reduce();
    },
    digests: () => table.digests(),
    uploads: () => ({ waiting: table.waiting(), lastError: uploads.lastError }),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/** Nothing counts as present but what is here; everybody may write. */
class OwnContentOnly implements OtherContent, IngestGate {
  readonly #unusable = new Set<ContentDigest>();

  find(): undefined {
    return undefined;
  }

  isUnusable(digest: ContentDigest): void {
    this.#unusable.add(digest);
  }

  hasUnusable(digest: ContentDigest): boolean {
    return this.#unusable.has(digest);
  }

  admit(): boolean {
    return true;
  }

  abandoned(): void {
    // Nobody waits for it.
  }
}
