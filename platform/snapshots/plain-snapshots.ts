import { nowNs, type Labels } from '@lade/containerd-store';
import { chainId, type Digest } from '@lade/oci';
import { transaction, type Database } from '@lade/sqlite';
import type { CommitListener } from './ports.ts';

/** A layer of an image that containerd's own differ has unpacked as files, instead of having it converted. */
export interface PlainSnapshot {
  readonly key: string;
  readonly labels: Labels;
  readonly chainId: Digest;
  readonly parentChainId: Digest | undefined;
  /** The layer that another snapshot of this chain has. */
  readonly layer: Digest | undefined;
}

type Statement = ReturnType<Database['prepare']>;

const NS_PER_MS = 1_000_000n;

/** Committed, a directory, and known by chain ids down to the bottom. */
const PLAIN = `
  FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent_id
  WHERE s.kind = 'committed' AND s.diff_id IS NULL AND s.chain_id IS NOT NULL
    AND (s.parent_id IS NULL OR p.chain_id IS NOT NULL)`;

/** A Prepare for a layer names its chain id in a label or, without the handshake, in its key. */
const UNPACKING = `
  SELECT 1 FROM snapshots WHERE kind = 'active' AND created_at > ? AND diff_id IS NULL
    AND (ref IS NOT NULL OR key GLOB '*/extract-* sha256:*') LIMIT 1`;

/** Committed snapshots that are to become layers. */
export class PlainSnapshots {
  readonly #db: Database;
  readonly #listener: CommitListener;
  readonly #boot: string;
  readonly #list: Statement;
  readonly #ids: Statement;
  readonly #replace: Statement;
  readonly #unpacking: Statement;

  constructor(db: Database, listener: CommitListener, boot: string) {
    this.#db = db;
    this.#listener = listener;
    this.#boot = boot;
    this.#list = db.prepare(`
      SELECT min(s.id) AS id, s.key, s.labels, s.chain_id, p.chain_id AS parent_chain_id,
        (SELECT diff_id FROM snapshots WHERE chain_id = s.chain_id AND kind = 'committed' AND diff_id IS NOT NULL) AS layer
      ${PLAIN} GROUP BY s.chain_id ORDER BY id`);
    this.#ids = db.prepare(`SELECT s.id ${PLAIN} AND s.chain_id = ? AND p.chain_id IS ?`);
    this.#replace = db.prepare('UPDATE snapshots SET diff_id = ?, replaced_in = ? WHERE id = ?');
    this.#unpacking = db.prepare(UNPACKING);
  }

  /** One of each chain, parents first. */
  list(): PlainSnapshot[] {
    return this.#list.all().map(toPlainSnapshot);
  }

  /**
   * Makes `layer` the content of the plain snapshots of its chain, and has it published; returns how many there were. Whoever
   * is given mounts from now on gets the layer. Mounts that show the directories may outlive every daemon of this boot:
   * so long they stay.
   */
  replace(parentChainId: Digest | undefined, layer: Digest): number {
    const chain = chainId(parentChainId, layer);
    return transaction(this.#db, () => {
      const rows = this.#ids.all(chain, parentChainId ?? null);
      for (const { id } of rows) this.#replace.run(layer, this.#boot, Number(id));
      if (rows.length > 0) this.#listener.committed({ chainId: chain, parentChainId, diffId: layer });
      return rows.length;
    });
  }

  /** Whether containerd has begun to unpack a layer within the last `withinMs`, and has not committed it yet. */
  isUnpacking(withinMs: number): boolean {
    return this.#unpacking.get(nowNs() - BigInt(withinMs) * NS_PER_MS) !== undefined;
  }
}

function toPlainSnapshot(columns: Readonly<Record<string, unknown>>): PlainSnapshot {
  return {
    key: columns['key'] as string,
    labels: JSON.parse(columns['labels'] as string) as Labels,
    chainId: columns['chain_id'] as Digest,
    parentChainId: (columns['parent_chain_id'] as Digest | null) ?? undefined,
    layer: (columns['layer'] as Digest | null) ?? undefined,
  };
}
