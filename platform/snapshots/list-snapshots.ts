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

/** Every snapshot, oldest first. */
export function listSnapshots(db: Database): ListedSnapshot[] {
  const statement = db.prepare(`${SELECT_ROWS} ORDER BY s.id`);
  statement.setReadBigInts(true);
  return statement.all().map((columns) => {
    const { info, diffId, chainId } = toRow(columns);
    return { info, diffId, chainId };
  });
}
