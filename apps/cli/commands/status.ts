import type { Status } from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';
import { writeJson } from '../write-json.ts';

export const status = defineCommand({
  usage: 'status [--json] [--address SOCKET]',
  summary: 'show what the daemon works with and what it still has to upload',
  options: CLIENT_OPTIONS,
  async run({ values, terminal }) {
    using client = openClient(values);
    const now = await client.status();
    if (values.json) writeJson(terminal.stdout, now);
    else terminal.stdout.write(format(now));
    return 0;
  },
});

function format({ version, root, bucket, fillMode, containerd, uploads, layers }: Status): string {
  const lines: [name: string, value: string][] = [
    ['version', version],
    ['root', root],
    ['bucket', bucket],
    ['fill mode', fillMode],
    ['containerd', containerd ?? 'not reached'],
    ['layers', String(layers)],
    ['uploads', `${uploads.waiting} waiting`],
  ];
  if (uploads.lastError !== undefined) lines.push(['last error', uploads.lastError]);
  return lines.map(([name, value]) => `${name.padEnd(12)}${printable(value)}\n`).join('');
}
