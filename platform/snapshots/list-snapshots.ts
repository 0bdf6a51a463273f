import type { Digest } from '@lade/oci';
import type { Database } from '@lade/sqlite';
import type { Info } from './snapshot.ts';
import { SELECT_ROWS, toRow } from './snapshot-row.ts';

export interface ListedSnapshot {
  readonly info: Info;
  /** Undefined for one whose content is a directory. */
  readonly diffId: Digest | undefined;
  /** Undefined for one that is no layer of an image. */
  readonly chainId: Digest | undefined;
}

/** The layers of all snapshots, each with the chain that it makes where that is known. */
export function listUsedLayers(
  db: Database,
): { readonly diffId: Digest; readonly chainId: Digest | undefined }[] {
  const statement = db.prepare('SELECT DISTINCT diff_id, chain_id FROM snapshots WHERE diff_id IS NOT NULL');
  return statement.all().map(({ diff_id, chain_id }) => ({
    diffId: diff_id as Digest,
    chainId: (chain_id as Digest | null) ?? undefined,
  }));
}

/** Every snapshot, oldest first. */
export function listSnapshots(db: Database): ListedSnapshot[] {
  const statement = db.prepare(`${SELECT_ROWS} ORDER BY s.id`);
  statement.setReadBigInts(true);
  return statement.all().map((columns) => {
    const { info, diffId, chainId } = toRow(columns);
    return { info, diffId, chainId };
  });
}
