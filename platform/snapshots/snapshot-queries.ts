import { labelOf, matchesFilters, parseFilters, type FieldOf, type Filter } from '@lade/containerd-store';
import type { Digest } from '@lade/oci';
import type { Database } from '@lade/sqlite';
import { SNAPSHOT_REF, type Info } from './snapshot.ts';
import { SELECT_ROWS, toRow, type Columns, type SnapshotRow } from './snapshot-row.ts';

type Statement = ReturnType<Database['prepare']>;

const PAGE_ROWS = 200;

/** It never changes that they are apart. */
const HIDES_PARENT = "(s.apart = 1 AND s.kind = 'committed')";

/** Rows after the id that comes first, in pages. */
const PAGES = {
  /** Backwards: to containerd they are without parents, and it removes what it finds in the order in which it finds it. */
  apart: `${SELECT_ROWS} WHERE s.id < ? AND ${HIDES_PARENT} ORDER BY s.id DESC LIMIT ${PAGE_ROWS}`,
  others: `${SELECT_ROWS} WHERE s.id > ? AND NOT ${HIDES_PARENT} ORDER BY s.id LIMIT ${PAGE_ROWS}`,
  ref: `${SELECT_ROWS} WHERE s.id > ? AND s.ref = ? ORDER BY s.id LIMIT ${PAGE_ROWS}`,
  name: `${SELECT_ROWS} WHERE s.id > ? AND s.key = ? ORDER BY s.id LIMIT ${PAGE_ROWS}`,
  parent: `${SELECT_ROWS} WHERE s.id > ? AND s.parent_id = (SELECT id FROM snapshots WHERE key = ?)
           ORDER BY s.id LIMIT ${PAGE_ROWS}`,
} as const;

type Index = Exclude<keyof typeof PAGES, 'apart' | 'others'>;

export interface LayerOnChain {
  readonly diffId: Digest;
  /** Undefined for the lowest layer of an image. */
  readonly parentChain: Digest | undefined;
}

/** Everything that is read from the snapshots table. */
export class SnapshotQueries {
  readonly #pages: Readonly<Record<keyof typeof PAGES, Statement>>;
  readonly #byKey: Statement;
  readonly #byId: Statement;
  readonly #chain: Statement;
  readonly #target: Statement;
  readonly #layer: Statement;
  readonly #hasLayer: Statement;
  readonly #ofChain: Statement;
  readonly #keys: Statement;

  constructor(db: Database) {
    const rows = (sql: string): Statement => {
      const statement = db.prepare(sql);
      statement.setReadBigInts(true);
      return statement;
    };
    this.#pages = {
      apart: rows(PAGES.apart),
      others: rows(PAGES.others),
      ref: rows(PAGES.ref),
      name: rows(PAGES.name),
      parent: rows(PAGES.parent),
    };
    this.#byKey = rows(`${SELECT_ROWS} WHERE s.key = ?`);
    this.#byId = rows(`${SELECT_ROWS} WHERE s.id = ?`);
    this.#chain = rows(`
      WITH RECURSIVE chain (link, depth) AS (
        VALUES (?, 0) UNION ALL
        SELECT parent_id, depth + 1 FROM chain JOIN snapshots ON id = link WHERE parent_id IS NOT NULL)
      ${SELECT_ROWS} JOIN chain ON link = s.id ORDER BY depth`);
    this.#target = rows(
      `${SELECT_ROWS} WHERE s.ref = ? AND iif(s.apart, NULL, s.parent_id) IS ? AND s.kind = 'committed'
         AND (s.diff_id IS NULL OR s.chain_id IS NULL OR s.chain_id = s.ref) ORDER BY s.id LIMIT 1`,
    );
    this.#ofChain = rows(
      `${SELECT_ROWS} WHERE s.chain_id = ? AND s.kind = 'committed' ORDER BY s.key NOT GLOB 'lade/*', s.id`,
    );
    this.#layer = db.prepare(`
      SELECT s.diff_id, p.chain_id AS parent_chain FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent_id
      WHERE s.chain_id = ? AND s.kind = 'committed' AND s.diff_id IS NOT NULL LIMIT 1`);
    this.#hasLayer = db.prepare("SELECT 1 FROM snapshots WHERE diff_id = ? AND kind = 'committed' LIMIT 1");
    this.#keys = db.prepare('SELECT key FROM snapshots WHERE diff_id = ?');
  }

  byKey(key: string): SnapshotRow | undefined {
    return optional(this.#byKey.get(key));
  }

  byId(id: number): SnapshotRow | undefined {
    return optional(this.#byId.get(id));
  }

  /** The snapshot `id` and its ancestors, top first. */
  chain(id: number): SnapshotRow[] {
    return this.#chain.all(id).map(toRow);
  }

  /** The committed snapshot that carries `ref` in its snapshot.ref label and has just this parent, as containerd knows it. */
  target(ref: string, parentId: number | undefined): SnapshotRow | undefined {
    return optional(this.#target.get(ref, parentId ?? null));
  }

  /** The converted layer on top of `chainId`, if a committed snapshot has it. */
  layerOf(chainId: Digest): LayerOnChain | undefined {
    const columns = this.#layer.get(chainId);
    if (!columns) return undefined;
    const { diff_id: diffId, parent_chain: parentChain } = columns;
    return { diffId: diffId as Digest, parentChain: (parentChain as Digest | null) ?? undefined };
  }

  /** Whether a committed snapshot, of whatever chain, has this converted layer. */
  hasLayer(diffId: Digest): boolean {
    return this.#hasLayer.get(diffId) !== undefined;
  }

  /** A committed snapshot of `chainId` that consists of layers down to the bottom, so that nobody has only said what it is. */
  layersOf(chainId: Digest): SnapshotRow | undefined {
    const rows = this.#ofChain.all(chainId).map(toRow);
    return rows.find(({ id }) => this.chain(id).every(({ diffId }) => diffId !== undefined));
  }

  /** Keys of the snapshots whose content is this converted layer. */
  keysOf(diffId: Digest): string[] {
    return this.#keys.all(diffId).map(({ key }) => String(key));
  }

  /**
   * Snapshots that match any of `filters`, each once. Reads in pages, so the caller may change snapshots meanwhile:
   * what appears or goes during the walk may or may not be seen. Throws `invalid_argument` for a bad filter, at once.
   */
  walk(filters: readonly string[]): Iterable<Info> {
    return this.#matching(parseFilters(filters));
  }

  *#matching(filters: readonly Filter[]): Generator<Info> {
    const seen = new Set<number>();
    for (const [page, value] of narrow(filters)) {
      for (const { id, info } of this.#rows(page, value)) {
        if (seen.has(id) || !matchesFilters(filters, (path) => fieldOf(info, path))) continue;
        if (page !== 'apart' && page !== 'others') seen.add(id);
        yield info;
      }
    }
  }

  *#rows(page: keyof typeof PAGES, value: string): Generator<SnapshotRow> {
    const parameters = page === 'apart' || page === 'others' ? [] : [value];
    for (let last = page === 'apart' ? Number.MAX_SAFE_INTEGER : 0; ;) {
      const rows = this.#pages[page].all(last, ...parameters).map(toRow);
      yield* rows;
      if (rows.length < PAGE_ROWS) return;
      last = rows.at(-1)?.id ?? last;
    }
  }
}

const ALL: [page: keyof typeof PAGES, value: string][] = [
  ['apart', ''],
  ['others', ''],
];

/** The lookups that together find all that `filters` can match. */
function narrow(filters: readonly Filter[]): [page: keyof typeof PAGES, value: string][] {
  const lookups = filters.map((filter) => narrowest(filter));
  return filters.length > 0 && lookups.every((lookup) => lookup !== undefined) ? lookups : ALL;
}

function narrowest(filter: Filter): [page: Index, value: string] | undefined {
  for (const index of ['name', 'ref', 'parent'] as const) {
    const selector = filter.find(({ path, operator }) => operator === '==' && indexOf(path) === index);
    if (selector && selector.value !== '') return [index, selector.value];
  }
  return undefined;
}

function indexOf(path: readonly string[]): Index | undefined {
  if (path[0] === 'name' || path[0] === 'parent') return path[0];
  return path[0] === 'labels' && path.slice(1).join('.') === SNAPSHOT_REF ? 'ref' : undefined;
}

function fieldOf(info: Info, [field, ...rest]: readonly string[]): ReturnType<FieldOf> {
  if (field === 'name' || field === 'parent' || field === 'kind') return info[field];
  return field === 'labels' ? labelOf(info.labels, rest.join('.')) : undefined;
}

function optional(columns: Columns | undefined): SnapshotRow | undefined {
  return columns && toRow(columns);
}
