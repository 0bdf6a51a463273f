import type { SnapshotSummary } from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { formatDigest } from '../format-digest.ts';
import { formatTable, type Column } from '../format-table.ts';
import { formatAge } from '../format-time.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { writeJson } from '../write-json.ts';

const COLUMNS: readonly Column[] = [
  { title: 'SNAPSHOT' },
  { title: 'KIND' },
  { title: 'LAYER' },
  { title: 'PARENT' },
  { title: 'CREATED' },
];

export const snapshots = defineCommand({
  usage: 'snapshots [OPTIONS]',
  summary: 'list the snapshots that containerd has of this node',
  options: CLIENT_OPTIONS,
  async run({ values, terminal }) {
    using client = openClient(values);
    const list = await client.snapshots();
    if (values.json) writeJson(terminal.stdout, list);
    else terminal.stdout.write(formatTable(COLUMNS, list.map(rowOf)));
    return 0;
  },
});

function rowOf({ key, kind, diffId, parent = '', createdAt }: SnapshotSummary): string[] {
  const layer = diffId === undefined ? 'a directory' : formatDigest(diffId);
  return [shorten(key), kind, layer, shorten(parent), formatAge(createdAt)];
}

/** Digests as in other tables, wherever they stand in the name of a snapshot. */
function shorten(key: string): string {
  return key.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, '$1…');
}
