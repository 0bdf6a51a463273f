import type { Directories } from './directories.ts';
import type { DiskRecords } from './disk-records.ts';

/**
 * Brings disk and database together after a stop of any kind: removes directories that no row owns, and what layers have
 * replaced before this `boot`; forgets corrections that are gone. Returns the snapshots whose only content, their directory,
 * is gone.
 */
export async function reconcile(
  records: DiskRecords,
  snapshots: Directories,
  fixes: Directories,
  boot: string,
): Promise<{ readonly id: number; readonly key: string }[]> {
  records.disownReplaced(boot);
  await snapshots.sweep((id) => records.ownsContent(id));
  await fixes.sweep((id) => records.ownsCorrection(id));
  const corrections = await fixes.list();
  for (const id of records.correctedSnapshots()) {
    if (!corrections.has(id)) records.setCorrected(id, undefined);
  }
  const contents = await snapshots.list();
  return records.plainSnapshots().filter(({ id }) => !contents.has(id));
}
