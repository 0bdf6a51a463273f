import { digestFromHash, hashOf, type Digest } from '@lade/oci';
import { migrate, transaction, type Database } from '@lade/sqlite';
import { BLOCK_BYTES, type Chunk } from './chunk.ts';
import type { PackReference } from './index-object.ts';
import type { PackEntry } from './pack.ts';

const STEPS = [
  `CREATE TABLE packs (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, size_bytes INTEGER NOT NULL) STRICT;
   CREATE TABLE pack_chunks (
     hash BLOB PRIMARY KEY, pack INTEGER NOT NULL REFERENCES packs ON DELETE CASCADE,
     offset INTEGER NOT NULL, stored_bytes INTEGER NOT NULL, raw_bytes INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX pack_chunks_by_pack ON pack_chunks (pack);
   CREATE TABLE blob_chunks (
     diff_id BLOB NOT NULL, block INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (diff_id, block)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX blob_chunks_by_hash ON blob_chunks (hash);`,
  // One chunk may be in several packs: of two nodes that were first at the same time, or of one that was published again.
  `CREATE TABLE pack_copies (
     hash BLOB NOT NULL, pack INTEGER NOT NULL REFERENCES packs ON DELETE CASCADE,
     offset INTEGER NOT NULL, stored_bytes INTEGER NOT NULL, raw_bytes INTEGER NOT NULL, PRIMARY KEY (hash, pack)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO pack_copies SELECT hash, pack, offset, stored_bytes, raw_bytes FROM pack_chunks;
   DROP TABLE pack_chunks;
   ALTER TABLE pack_copies RENAME TO pack_chunks;
   CREATE INDEX pack_chunks_by_pack ON pack_chunks (pack);`,
];

/** Copies of one chunk that are worth a try. */
const MAX_COPIES = 4;

export interface PackedChunk {
  readonly pack: PackReference;
  readonly offset: number;
  readonly storedBytes: number;
  readonly rawBytes: number;
}

export interface BlobChunk {
  readonly diffId: Digest;
  readonly offset: number;
}

/** What this node knows of chunks that exist already: in the bucket's packs, and in the blobs of its own layers. */
export class ChunkCatalogue {
  readonly #db: Database;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database) {
    migrate(db, 'chunks', STEPS);
    this.#db = db;
    this.#statements = prepare(db);
  }

  /**
   * Makes `packs` (digest → object size) the known ones: forgets others, and those whose object has another size by
   * now. Returns the packs whose chunks have to be added.
   */
  reconcilePacks(packs: ReadonlyMap<Digest, number>): Digest[] {
    const known = new Set<Digest>();
    transaction(this.#db, () => {
      for (const row of this.#statements.packs.all()) {
        const digest = digestFromHash(row['digest'] as Uint8Array);
        if (packs.get(digest) === Number(row['size_bytes'])) known.add(digest);
        else this.#statements.deletePack.run(hashOf(digest));
      }
    });
    return [...packs.keys()].filter((digest) => !known.has(digest));
  }

  addPack(pack: PackReference, entries: readonly PackEntry[]): void {
    transaction(this.#db, () => {
      const { lastInsertRowid, changes } = this.#statements.insertPack.run(
        hashOf(pack.digest),
        pack.sizeBytes,
      );
      if (changes === 0) return;
      for (const { hash, offset, storedBytes, rawBytes } of entries) {
        this.#statements.insertPackChunk.run(hash, lastInsertRowid, offset, storedBytes, rawBytes);
      }
    });
  }

  /** In any pack. */
  findPacked(hash: Uint8Array): PackedChunk | undefined {
    return this.findAllPacked(hash)[0];
  }

  /** In every pack, up to a few. */
  findAllPacked(hash: Uint8Array): PackedChunk[] {
    return this.#statements.findPacked.all(hash, MAX_COPIES).map((row) => ({
      pack: { digest: digestFromHash(row['digest'] as Uint8Array), sizeBytes: Number(row['size_bytes']) },
      offset: Number(row['offset']),
      storedBytes: Number(row['stored_bytes']),
      rawBytes: Number(row['raw_bytes']),
    }));
  }

  /** Records where the chunks of a wholly resident blob are. */
  addBlob(diffId: Digest, chunks: Iterable<Chunk>): void {
    const layer = hashOf(diffId);
    let block = 0;
    transaction(this.#db, () => {
      for (const { hash, rawBytes, place } of chunks) {
        if (place.kind !== 'zero') this.#statements.insertBlobChunk.run(layer, block, hash);
        block += rawBytes / BLOCK_BYTES;
      }
    });
  }

  hasBlob(diffId: Digest): boolean {
    return this.#statements.hasBlob.get(hashOf(diffId)) !== undefined;
  }

  forgetBlob(diffId: Digest): void {
    this.#statements.deleteBlob.run(hashOf(diffId));
  }

  /** In every wholly resident blob, up to a few. */
  findInBlobs(hash: Uint8Array): BlobChunk[] {
    return this.#statements.findInBlobs.all(hash, MAX_COPIES).map((row) => ({
      diffId: digestFromHash(row['diff_id'] as Uint8Array),
      offset: Number(row['block']) * BLOCK_BYTES,
    }));
  }
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the statements' own types say it best
function prepare(db: Database) {
  return {
    packs: db.prepare('SELECT digest, size_bytes FROM packs'),
    insertPack: db.prepare('INSERT OR IGNORE INTO packs (digest, size_bytes) VALUES (?, ?)'),
    deletePack: db.prepare('DELETE FROM packs WHERE digest = ?'),
    insertPackChunk: db.prepare('INSERT OR IGNORE INTO pack_chunks VALUES (?, ?, ?, ?, ?)'),
    findPacked: db.prepare(
      `SELECT digest, size_bytes, offset, stored_bytes, raw_bytes
       FROM pack_chunks JOIN packs ON packs.id = pack WHERE hash = ? ORDER BY pack LIMIT ?`,
    ),
    insertBlobChunk: db.prepare('INSERT OR IGNORE INTO blob_chunks VALUES (?, ?, ?)'),
    hasBlob: db.prepare('SELECT 1 FROM blob_chunks WHERE diff_id = ? LIMIT 1'),
    deleteBlob: db.prepare('DELETE FROM blob_chunks WHERE diff_id = ?'),
    findInBlobs: db.prepare('SELECT diff_id, block FROM blob_chunks WHERE hash = ? LIMIT ?'),
  };
}
