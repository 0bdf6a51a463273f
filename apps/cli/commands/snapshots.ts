import type { SnapshotSummary } from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { formatDigest } from '../format-digest.ts';
import { formatTable, type Column } from '../format-table.ts';
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
  usage: 'snapshots [--json] [--address SOCKET]',
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
  return [key, kind, diffId === undefined ? 'a directory' : formatDigest(diffId), parent, createdAt];
}
