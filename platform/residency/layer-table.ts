import { parseDigest, type Digest } from '@lade/oci';
import { migrate, transaction, type Database } from '@lade/sqlite';

const STEPS = [
  `CREATE TABLE layers (
     number INTEGER PRIMARY KEY AUTOINCREMENT, diff_id TEXT NOT NULL UNIQUE, origin TEXT NOT NULL,
     tar_bytes INTEGER NOT NULL, blob_bytes INTEGER NOT NULL, disk_bytes INTEGER NOT NULL, inodes INTEGER NOT NULL,
     implied TEXT NOT NULL, created_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE sources (compressed TEXT PRIMARY KEY, diff_id TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
  `ALTER TABLE layers ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;`,
  `ALTER TABLE layers ADD COLUMN claim TEXT; ALTER TABLE layers ADD COLUMN index_digest TEXT;`,
];

/** What a layer's index has to be (see LayerIndexes); both are missing in layers of earlier releases. */
interface IndexProof {
  /** See claimOf(). */
  readonly claim?: Digest;
  /** Of an index that was proven to have that claim. */
  readonly indexDigest?: Digest;
}

/** A layer of this node; its blob need not be whole. */
export interface LayerRow extends IndexProof {
  /** Names the mount point; never used twice. */
  readonly number: number;
  readonly diffId: Digest;
  readonly origin: 'converted' | 'fetched';
  readonly tarBytes: number;
  readonly blobBytes: number;
  /** What its files occupy, as last told. */
  readonly diskBytes: number;
  readonly inodes: number;
  readonly impliedDirectories: readonly string[];
  readonly createdAt: Date;
}

/** The layers of this node in the state database. A row exists only while its folder is complete. */
export class LayerTable {
  readonly #db: Database;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database) {
    migrate(db, 'layers', STEPS);
    this.#db = db;
    this.#statements = prepare(db);
  }

  get(diffId: Digest): LayerRow | undefined {
    const row = this.#statements.get.get(diffId);
    return row && readRow(row);
  }

  list(): LayerRow[] {
    return this.#statements.list.all().map(readRow);
  }

  insert(layer: Omit<LayerRow, 'number' | 'createdAt'>): LayerRow {
    const { diffId, origin, tarBytes, blobBytes, diskBytes, inodes } = layer;
    const implied = JSON.stringify(layer.impliedDirectories);
    const { claim = null, indexDigest = null } = layer;
    const sizes = [tarBytes, blobBytes, diskBytes, inodes];
    const values = [diffId, origin, ...sizes, implied, Date.now(), claim, indexDigest];
    transaction(this.#db, () => this.#statements.insert.run(...values));
    const row = this.get(diffId);
    if (!row) throw new RangeError(`layer ${diffId} was just inserted`);
    return row;
  }

  setIndex(diffId: Digest, { claim, indexDigest }: Required<IndexProof>): void {
    this.#statements.setIndex.run(claim, indexDigest, diffId);
  }

  /** The layer was mounted just now. */
  markUsed(diffId: Digest): void {
    this.#statements.markUsed.run(Date.now(), diffId);
  }

  /** From the one that was not mounted for longest. */
  leastRecentlyUsed(): Digest[] {
    return this.#statements.byUse.all().map((row) => parseDigest(String(row['diff_id'])));
  }

  /** What the files of all layers occupy. */
  totalDiskBytes(): number {
    return Number(this.#statements.total.get()?.['bytes'] ?? 0);
  }

  setDiskBytes(diffId: Digest, diskBytes: number): void {
    this.#statements.setDiskBytes.run(diskBytes, diffId);
  }

  remove(diffId: Digest): void {
    this.#statements.remove.run(diffId);
    this.#statements.forget.run(diffId);
  }

  /** Which layer a compressed blob unpacked to, last time. */
  sourceOf(compressed: Digest): Digest | undefined {
    const row = this.#statements.source.get(compressed);
    return row && parseDigest(String(row['diff_id']));
  }

  rememberSource(compressed: Digest, diffId: Digest): void {
    this.#statements.remember.run(compressed, diffId);
  }
}

function readRow(row: Record<string, unknown>): LayerRow {
  return {
    number: Number(row['number']),
    diffId: parseDigest(String(row['diff_id'])),
    origin: row['origin'] === 'fetched' ? 'fetched' : 'converted',
    tarBytes: Number(row['tar_bytes']),
    blobBytes: Number(row['blob_bytes']),
    diskBytes: Number(row['disk_bytes']),
    inodes: Number(row['inodes']),
    impliedDirectories: JSON.parse(String(row['implied'])) as string[],
    createdAt: new Date(Number(row['created_at'])),
    ...digestIn('claim', row['claim']),
    ...digestIn('indexDigest', row['index_digest']),
  };
}

function digestIn<K extends string>(name: K, value: unknown): { readonly [name in K]?: Digest } {
  return typeof value === 'string' ? ({ [name]: parseDigest(value) } as { [name in K]: Digest }) : {};
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the statements' own types say it best
function prepare(db: Database) {
  return {
    get: db.prepare('SELECT * FROM layers WHERE diff_id = ?'),
    list: db.prepare('SELECT * FROM layers ORDER BY number'),
    insert: db.prepare(
      `INSERT INTO layers (diff_id, origin, tar_bytes, blob_bytes, disk_bytes, inodes, implied, created_at, claim, index_digest)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    setIndex: db.prepare('UPDATE layers SET claim = ?, index_digest = ? WHERE diff_id = ?'),
    markUsed: db.prepare('UPDATE layers SET used_at = ? WHERE diff_id = ?'),
    byUse: db.prepare('SELECT diff_id FROM layers ORDER BY max(used_at, created_at)'),
    total: db.prepare('SELECT sum(disk_bytes) AS bytes FROM layers'),
    setDiskBytes: db.prepare('UPDATE layers SET disk_bytes = ? WHERE diff_id = ?'),
    remove: db.prepare('DELETE FROM layers WHERE diff_id = ?'),
    source: db.prepare('SELECT diff_id FROM sources WHERE compressed = ?'),
    forget: db.prepare('DELETE FROM sources WHERE diff_id = ?'),
    remember: db.prepare('INSERT OR REPLACE INTO sources VALUES (?, ?)'),
  };
}
