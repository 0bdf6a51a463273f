import type { Digest } from '@lade/oci';
import type { Database } from '@lade/sqlite';
import type { Usage } from './snapshot.ts';

type Statement = ReturnType<Database['prepare']>;

/** Which rows have a directory of their own: all but layers, unless they replaced it lately, and views of something. */
const OWNS_CONTENT =
  "(diff_id IS NULL OR replaced_in IS NOT NULL OR kind = 'active') AND (kind <> 'view' OR parent_id IS NULL)";

/** What the database knows about directories and layers on the disk; the tables belong to SnapshotStore. */
export class DiskRecords {
  readonly #ownsContent: Statement;
  readonly #ownsCorrection: Statement;
  readonly #plainKeys: Statement;
  readonly #correctedIds: Statement;
  readonly #setUsage: Statement;
  readonly #setCorrected: Statement;
  readonly #referenced: Statement;
  readonly #disown: Statement;
  readonly #mapped: Statement;

  constructor(db: Database) {
    this.#ownsContent = db.prepare(`SELECT 1 FROM snapshots WHERE id = ? AND ${OWNS_CONTENT}`);
    this.#ownsCorrection = db.prepare('SELECT 1 FROM snapshots WHERE id = ? AND corrected = 1');
    this.#plainKeys = db.prepare(`SELECT id, key FROM snapshots WHERE diff_id IS NULL AND ${OWNS_CONTENT}`);
    this.#correctedIds = db.prepare('SELECT id FROM snapshots WHERE corrected = 1');
    this.#setUsage = db.prepare('UPDATE snapshots SET size_bytes = ?, inodes = ? WHERE id = ?');
    this.#setCorrected = db.prepare('UPDATE snapshots SET corrected = ? WHERE id = ?');
    this.#mapped = db.prepare(
      "SELECT 1 FROM snapshots WHERE id = ? AND uid_map IS NOT NULL AND kind <> 'committed'",
    );
    this.#referenced = db.prepare('SELECT 1 FROM snapshots WHERE diff_id = ? LIMIT 1');
    this.#disown = db.prepare('UPDATE snapshots SET replaced_in = NULL WHERE replaced_in <> ?');
  }

  ownsContent(id: number): boolean {
    return this.#ownsContent.get(id) !== undefined;
  }

  ownsCorrection(id: number): boolean {
    return this.#ownsCorrection.get(id) !== undefined;
  }

  /** Snapshots whose only content is their directory. */
  plainSnapshots(): { readonly id: number; readonly key: string }[] {
    return this.#plainKeys.all().map(({ id, key }) => ({ id: Number(id), key: String(key) }));
  }

  correctedSnapshots(): number[] {
    return this.#correctedIds.all().map(({ id }) => Number(id));
  }

  setUsage(id: number, { sizeBytes, inodes }: Usage): void {
    this.#setUsage.run(sizeBytes, inodes, id);
  }

  /** `undefined` means not known any more. Returns whether the snapshot is still there. */
  setCorrected(id: number, corrected: boolean | undefined): boolean {
    return this.#setCorrected.run(corrected === undefined ? null : Number(corrected), id).changes === 1;
  }

  /** Whether its mounts have mapped ids. */
  isMapped(id: number): boolean {
    return this.#mapped.get(id) !== undefined;
  }

  isReferenced(diffId: Digest): boolean {
    return this.#referenced.get(diffId) !== undefined;
  }

  /** Gives up the directories that layers replaced in an earlier boot than `boot`, whose mounts are gone. */
  disownReplaced(boot: string): void {
    this.#disown.run(boot);
  }
}
