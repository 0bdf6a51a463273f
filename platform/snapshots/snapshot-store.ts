import { nowNs, storableLabels, updateLabels, type Labels } from '@lade/containerd-store';
import { CodedError } from '@lade/errors';
import { chainId, type Digest } from '@lade/oci';
import { migrate, transaction, type Database } from '@lade/sqlite';
import type { IdMapping } from './id-mapping.ts';
import type { CommitListener } from './ports.ts';
import { declaredChain, type Info, type Kind } from './snapshot.ts';
import { SnapshotQueries } from './snapshot-queries.ts';
import { SCHEMA, type SnapshotRow } from './snapshot-row.ts';

export interface NewSnapshot {
  readonly key: string;
  /** '' for none. */
  readonly parent: string;
  readonly kind: Exclude<Kind, 'committed'>;
  readonly labels: Labels;
  /** Its mounts have containerd map ids. */
  readonly idMapping?: IdMapping | undefined;
  /** containerd tells its parent only at the commit. */
  readonly isApart?: boolean;
}

/** A converted layer that is the content of a snapshot from the beginning. */
export interface StagedLayer {
  readonly diffId: Digest;
  /** A chain with it on top that the bucket has, or is going to get. */
  readonly publishedChain: Digest | undefined;
}

type Statement = ReturnType<Database['prepare']>;

/** The snapshots' state and its rules: what may become what. Each method that changes it is one durable transaction. */
export class SnapshotStore {
  readonly queries: SnapshotQueries;
  readonly #db: Database;
  readonly #listener: CommitListener;
  readonly #lastId: Statement;
  readonly #insert: Statement;
  readonly #commit: Statement;
  readonly #attach: Statement;
  readonly #setLabels: Statement;
  readonly #hasChild: Statement;
  readonly #delete: Statement;

  constructor(db: Database, listener: CommitListener) {
    migrate(db, 'snapshots', SCHEMA);
    this.#db = db;
    this.#listener = listener;
    this.queries = new SnapshotQueries(db);
    this.#lastId = db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'snapshots'");
    this.#insert = db.prepare(`
      INSERT INTO snapshots (id, key, parent_id, kind, created_at, updated_at, labels, diff_id, chain_id,
        uid_map, gid_map, apart, published_chain)
      VALUES ($id, $key, $parentId, $kind, $now, $now, $labels, $diffId, $chainId, $uidMap, $gidMap, $apart,
        $publishedChain)`);
    this.#commit = db.prepare(`
      UPDATE snapshots SET key = $name, parent_id = $parentId, kind = 'committed', created_at = $now,
        updated_at = $now, labels = $labels, chain_id = $chainId, apart = 0, published_chain = NULL WHERE id = $id`);
    this.#attach = db.prepare('UPDATE snapshots SET diff_id = ? WHERE id = ?');
    this.#setLabels = db.prepare('UPDATE snapshots SET labels = ?, updated_at = ? WHERE id = ?');
    this.#hasChild = db.prepare('SELECT 1 FROM snapshots WHERE parent_id = ? LIMIT 1');
    this.#delete = db.prepare('DELETE FROM snapshots WHERE id = ?');
  }

  /** Throws `not_found`. */
  get(key: string): SnapshotRow {
    const row = this.queries.byKey(key);
    if (row) return row;
    throw new CodedError('not_found', `Cannot find snapshot ${key}: it does not exist`);
  }

  /** The active snapshot `key`; throws `not_found` or `failed_precondition`. */
  active(key: string, action: string): SnapshotRow {
    const row = this.get(key);
    if (row.info.kind === 'active') return row;
    throw new CodedError(
      'failed_precondition',
      `Cannot ${action} snapshot ${key}: it is ${row.info.kind}, not active`,
    );
  }

  /**
   * Refuses what create() would refuse: `invalid_argument` for an empty key, bad labels or a parent that is not
   * committed, `not_found` for a missing parent, `already_exists` for a key in use. Returns the parent.
   */
  checkNew({ key, parent, labels }: NewSnapshot): SnapshotRow | undefined {
    requireName(key);
    storableLabels(labels);
    const parentRow = this.#parent(parent);
    this.#requireFree(key);
    return parentRow;
  }

  /** Inserts an active or view snapshot; `place` puts its directory where the new id wants it. */
  create(snapshot: NewSnapshot, place: (id: number) => void): SnapshotRow {
    return transaction(this.#db, () => {
      const parentId = this.checkNew(snapshot)?.id;
      const id = this.#nextId();
      place(id);
      return this.#insertRow({ ...snapshot, id, parentId });
    });
  }

  /** Inserts an active snapshot whose content is this layer, and which has no directory. */
  stage(snapshot: NewSnapshot, layer: StagedLayer): SnapshotRow {
    return transaction(this.#db, () => {
      const parentId = this.checkNew(snapshot)?.id;
      return this.#insertRow({ ...snapshot, id: this.#nextId(), parentId, layer });
    });
  }

  /**
   * Inserts a committed snapshot of `layer` for a target, unless the target is there by now. Without `publishedChain` it is
   * published. On `hiddenParent` it stands as long as containerd takes it for one without a parent.
   */
  adopt(snapshot: NewSnapshot, ref: Digest, layer: StagedLayer, hiddenParent?: SnapshotRow): SnapshotRow {
    return transaction(this.#db, () => {
      const told = this.checkNew(snapshot);
      const existing = this.queries.target(ref, told?.id);
      if (existing) return existing;
      const parent = hiddenParent ? this.#parent(hiddenParent.info.name) : told;
      const { diffId, publishedChain } = layer;
      const id = this.#nextId();
      const chain = chainOn(parent, diffId);
      const row = this.#insertRow({
        ...snapshot,
        kind: 'committed',
        key: `lade/${ref}/${id}`,
        id,
        parentId: parent?.id,
        layer: { diffId, publishedChain: undefined },
        chain,
        isApart: hiddenParent !== undefined,
      });
      if (chain && chain !== publishedChain)
        this.#listener.committed({ chainId: chain, parentChainId: parent?.chainId, diffId });
      return row;
    });
  }

  /** Makes `layer` the content of an active snapshot; `failed_precondition` when it has another one. */
  attach(key: string, layer: Digest): void {
    const { id, diffId } = this.active(key, 'attach a layer to');
    if (diffId === layer) return;
    if (diffId)
      throw new CodedError(
        'failed_precondition',
        `Cannot attach ${layer} to snapshot ${key}: it has ${diffId}`,
      );
    transaction(this.#db, () => this.#attach.run(layer, id));
  }

  /**
   * Makes an active snapshot committed, under another name and with these labels only. `parent` sets the parent of a
   * snapshot that has none. Returns the snapshot's id.
   */
  commit(name: string, key: string, options: { readonly labels: Labels; readonly parent: string }): number {
    requireName(name);
    return transaction(this.#db, () => {
      this.#requireFree(name);
      const { id, info, diffId, parentId, publishedChain } = this.active(key, 'commit');
      if (options.parent !== '' && info.parent !== '' && options.parent !== info.parent) {
        throw new CodedError(
          'invalid_argument',
          `Cannot commit snapshot ${key} on ${options.parent}: it has another parent`,
        );
      }
      const parent =
        parentId === undefined
          ? this.#parent(options.parent, 'failed_precondition')
          : this.queries.byId(parentId);
      const labels = storableLabels(options.labels);
      const chain = diffId ? chainOn(parent, diffId) : declaredChain(name, labels);
      const columns = { $id: id, $name: name, $now: nowNs(), $labels: JSON.stringify(labels) };
      this.#commit.run({ ...columns, $parentId: parent?.id ?? null, $chainId: chain ?? null });
      if (chain && !diffId) this.#listener.unpacked();
      else if (chain && diffId && chain !== publishedChain)
        this.#listener.committed({ chainId: chain, parentChainId: parent?.chainId, diffId });
      return id;
    });
  }

  /** Throws `failed_precondition` for a snapshot with children. */
  remove(key: string): SnapshotRow {
    return transaction(this.#db, () => {
      const row = this.get(key);
      if (this.#hasChild.get(row.id)) {
        throw new CodedError(
          'failed_precondition',
          `Cannot remove snapshot ${key}: a child is stacked on it`,
          {
            cure: 'Remove its children first',
          },
        );
      }
      this.#delete.run(row.id);
      return row;
    });
  }

  /**
   * Replaces the labels, or with `fieldPaths` (`labels`, `labels.<key>`) only what they name; an empty or missing
   * value deletes. Throws `invalid_argument` for another path, and then changes nothing.
   */
  update({ name, labels }: Pick<Info, 'name' | 'labels'>, fieldPaths: readonly string[]): Info {
    requireName(name);
    return transaction(this.#db, () => {
      const { id, info } = this.get(name);
      const updated = updateLabels(info.labels, labels, fieldPaths, `snapshot ${name}`);
      const now = nowNs();
      const updatedAt = now > info.updatedAt ? now : info.updatedAt + 1n;
      this.#setLabels.run(JSON.stringify(updated), updatedAt, id);
      return { ...info, labels: updated, updatedAt };
    });
  }

  #parent(
    name: string,
    whenNotCommitted: 'invalid_argument' | 'failed_precondition' = 'invalid_argument',
  ): SnapshotRow | undefined {
    if (name === '') return undefined;
    const parent = this.get(name);
    if (parent.info.kind === 'committed') return parent;
    throw new CodedError(
      whenNotCommitted,
      `Cannot use snapshot ${name} as a parent: it is ${parent.info.kind}`,
      {
        cure: 'Commit it first',
      },
    );
  }

  #requireFree(key: string): void {
    if (this.queries.byKey(key))
      throw new CodedError('already_exists', `Cannot create snapshot ${key}: it already exists`);
  }

  #nextId(): number {
    return Number(this.#lastId.get()?.['seq'] ?? 0) + 1;
  }

  #insertRow(row: InsertedRow): SnapshotRow {
    this.#insert.run({
      $id: row.id,
      $key: row.key,
      $parentId: row.parentId ?? null,
      $kind: row.kind,
      $now: nowNs(),
      $labels: JSON.stringify(storableLabels(row.labels)),
      $diffId: row.layer?.diffId ?? null,
      $chainId: row.chain ?? null,
      $uidMap: row.idMapping?.uids ?? null,
      $gidMap: row.idMapping?.gids ?? null,
      $apart: Number(row.isApart ?? false),
      $publishedChain: row.layer?.publishedChain ?? null,
    });
    return this.get(row.key);
  }
}

interface InsertedRow {
  readonly id: number;
  readonly key: string;
  readonly parentId: number | undefined;
  readonly kind: Kind;
  readonly labels: Labels;
  readonly layer?: StagedLayer;
  readonly chain?: Digest | undefined;
  readonly idMapping?: IdMapping | undefined;
  readonly isApart?: boolean;
}

function requireName(name: string): void {
  if (name === '')
    throw new CodedError('invalid_argument', 'Cannot use a snapshot without a name: it is empty');
}

/** The chain id of `layer` on `parent`; undefined when `parent` is no layer of an image. */
function chainOn(parent: SnapshotRow | undefined, layer: Digest): Digest | undefined {
  return parent && !parent.chainId ? undefined : chainId(parent?.chainId, layer);
}
