import type { GarbageEvent } from '@lade/control-protocol';
import { defineCommand, wrongUsage, type Terminal } from '../command.ts';
import { formatBytes } from '../format-bytes.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';
import { ProgressLine } from '../progress-line.ts';
import { writeJsonLine } from '../write-json.ts';

const USAGE = 'gc --bucket [--dry-run] [--grace DAYS] [--json] [--address SOCKET]';

export const gc = defineCommand({
  usage: USAGE,
  summary: 'remove from the bucket what no image and no node needs; --dry-run only tells',
  options: {
    ...CLIENT_OPTIONS,
    bucket: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    grace: { type: 'string' },
  },
  check({ bucket, grace }) {
    if (!bucket)
      throw wrongUsage(
        '--bucket is missing: a node frees by itself what it needs no more',
        `Usage: lade ${USAGE}`,
      );
    if (grace !== undefined && !(Number(grace) >= 1))
      throw wrongUsage(`--grace ${grace} is no number of days from 1 on`, `Usage: lade ${USAGE}`);
  },
  async run({ values: { json, grace, 'dry-run': dryRun = false, ...values }, terminal }) {
    using client = openClient(values);
    using progress = new ProgressLine(terminal.stderr);
    const request = { dryRun, ...(grace === undefined ? {} : { graceDays: Number(grace) }) };
    progress.show('looking for garbage');
    for await (const event of client.bucket.collectGarbage(request)) {
      if (json) writeJsonLine(terminal.stdout, event);
      else tell(event, progress, terminal);
    }
    return 0;
  },
});

function tell(event: GarbageEvent, progress: ProgressLine, { stdout }: Terminal): void {
  if (event.kind === 'listed') return progress.show(`looking for garbage in ${event.objects} objects`);
  progress.clear();
  if (event.kind !== 'collected') {
    stdout.write(`${event.kind} ${printable(event.key)} ${formatBytes(event.sizeBytes)}\n`);
    return;
  }
  const { dryRun, garbageObjects, garbageBytes, keptObjects, keptBytes, youngObjects } = event;
  const [garbage, kept] = [formatBytes(garbageBytes), formatBytes(keptBytes)];
  stdout.write(
    `${dryRun ? 'garbage' : 'removed'}: ${garbageObjects} objects, ${garbage}; kept: ${keptObjects} objects, ${kept}, ` +
      `of them ${youngObjects} only because they are young\n`,
  );
}
