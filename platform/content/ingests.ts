import { constants, statSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { matchesFilters, parseFilters } from '@lade/containerd-store';
import { CodedError } from '@lade/errors';
import { transaction, type Database } from '@lade/sqlite';
import { algorithmOf, RunningDigest, type ContentDigest } from './content-digest.ts';
import type { ContentFolder } from './content-folder.ts';
import type { IngestStatus } from './content-info.ts';
import type { ContentTable } from './content-table.ts';
import type { IngestRow, IngestTable } from './ingest-table.ts';
import { IngestWriter, type IngestEnd } from './ingest-writer.ts';
import { readFile } from './read-file.ts';

export interface IngestRequest {
  readonly ref: string;
  /** 0: not known yet. */
  readonly total: number;
  readonly expected: ContentDigest | undefined;
}

/** Who may bring content that other nodes could be bringing too. */
export interface IngestGate {
  /** Whether this node may write under `ref` now; false: ask again a moment later. Answers at once. */
  admit(ref: string): boolean;
  /** Nobody here writes under `ref` any more, and nothing came of it. */
  abandoned(ref: string): void;
}

export interface IngestParts {
  readonly db: Database;
  readonly folder: ContentFolder;
  readonly table: IngestTable;
  readonly content: ContentTable;
  readonly gate: IngestGate;
  /** New content waits for its upload. */
  readonly committed: () => void;
}

/** Content on its way into this node, by the name that its writer gave it. */
export class Ingests {
  readonly #parts: IngestParts;
  /** Undefined while one is being opened. */
  readonly #writers = new Map<string, IngestWriter | undefined>();

  constructor(parts: IngestParts) {
    this.#parts = parts;
  }

  /**
   * Begins an ingest, or goes on with it where it stopped; with another total it begins anew. Throws `invalid_argument` without
   * a ref, `already_exists` for content that is known, `unavailable` while another writer has the ref, here or on
   * another node.
   */
  async open(request: IngestRequest): Promise<IngestWriter> {
    const { ref, expected } = request;
    if (ref === '') throw new CodedError('invalid_argument', 'Cannot open an ingest: its ref is empty');
    if (this.#writers.has(ref)) throw locked(ref, 'another writer has it open');
    if (expected && this.#parts.content.listed(expected)) throw exists(expected);
    if (!this.#parts.gate.admit(ref)) throw locked(ref, 'another node may be bringing it');
    this.#writers.set(ref, undefined);
    try {
      const writer = await this.#openWriter(request);
      this.#writers.set(ref, writer);
      return writer;
    } catch (reason) {
      this.#writers.delete(ref);
      this.#parts.gate.abandoned(ref);
      throw reason;
    }
  }

  /** Throws `not_found`. */
  status(ref: string): IngestStatus {
    return this.#statusOf(this.#get(ref));
  }

  /** Those that match any of `filters` (field `ref`), or all. Throws `invalid_argument` for a bad filter. */
  list(filters: readonly string[]): IngestStatus[] {
    const parsed = parseFilters(filters);
    const isWanted = ({ ref }: IngestRow): boolean =>
      matchesFilters(parsed, ([field]) => (field === 'ref' ? ref : undefined));
    return this.#parts.table
      .all()
      .filter(isWanted)
      .map((row) => this.#statusOf(row));
  }

  /** Drops an ingest; one that is being written cannot be committed any more. Throws `not_found`. */
  abort(ref: string): void {
    const row = this.#get(ref);
    this.#parts.table.remove(row.id);
    this.#parts.folder.remove(this.#parts.folder.ingestPath(row.id));
    this.#parts.gate.abandoned(ref);
  }

  async #openWriter({ ref, total, expected }: IngestRequest): Promise<IngestWriter> {
    const { table, folder } = this.#parts;
    const found = table.get(ref);
    const goesOn = found && (found.total === 0 || total === 0 || found.total === total);
    const row = goesOn ? found : found ? table.restart(found, total) : table.add(ref, total);
    const { O_RDWR, O_CREAT, O_TRUNC } = constants;
    const flags = O_RDWR | O_CREAT | (goesOn ? 0 : O_TRUNC);
    const file = await open(folder.ingestPath(row.id), flags, 0o600);
    try {
      const digest = new RunningDigest(expected ? algorithmOf(expected) : 'sha256');
      const offset = await digestFile(file, digest);
      return new IngestWriter(row, { file, digest, offset }, this.#end());
    } catch (reason) {
      await file.close();
      throw reason;
    }
  }

  #end(): IngestEnd {
    const { db, folder, table, content, gate, committed } = this.#parts;
    return {
      commit: ({ id, ref }, digest, { sizeBytes, labels }) => {
        if (table.get(ref)?.id !== id)
          throw new CodedError('aborted', `Cannot commit ingest ${ref}: it was aborted`);
        if (content.listed(digest)) {
          table.remove(id);
          folder.remove(folder.ingestPath(id));
          gate.abandoned(ref);
          throw exists(digest);
        }
        folder.place(folder.ingestPath(id), digest);
        transaction(db, () => {
          content.add(digest, { sizeBytes, labels, upload: true });
          table.remove(id);
        });
        committed();
      },
      release: ({ id, ref }, updatedAt) => {
        table.touch(id, updatedAt);
        this.#writers.delete(ref);
        if (table.get(ref)) gate.abandoned(ref);
        else folder.remove(folder.ingestPath(id)); // aborted while its file was being opened
      },
    };
  }

  #get(ref: string): IngestRow {
    const row = this.#parts.table.get(ref);
    if (row) return row;
    throw new CodedError('not_found', `Cannot find ingest ${ref}: it does not exist`);
  }

  #statusOf(row: IngestRow): IngestStatus {
    const { ref, total, startedAt, updatedAt } = row;
    const stats = statSync(this.#parts.folder.ingestPath(row.id), { throwIfNoEntry: false });
    return this.#writers.get(ref)?.status ?? { ref, total, startedAt, updatedAt, offset: stats?.size ?? 0 };
  }
}

/** Returns the file's size. */
async function digestFile(file: FileHandle, digest: RunningDigest): Promise<number> {
  const { size } = await file.stat();
  for await (const bytes of readFile(file, 0, size)) digest.update(bytes);
  return size;
}

function locked(ref: string, why: string): CodedError {
  return new CodedError('unavailable', `Cannot open ingest ${ref}: ref ${ref} locked, ${why}`, {
    cure: 'Try again in a moment',
  });
}

function exists(digest: ContentDigest): CodedError {
  return new CodedError('already_exists', `Cannot write content ${digest}: it already exists`);
}
