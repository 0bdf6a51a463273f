import type { ControlClient, GarbageEvent, GarbageRequest, NodeGarbage } from '@lade/control-protocol';
import { defineCommand, wrongUsage, type Terminal } from '../command.ts';
import { formatBytes } from '../format-bytes.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';
import { ProgressLines } from '../progress-lines.ts';
import { writeJson, writeJsonLine } from '../write-json.ts';

export const gc = defineCommand({
  usage: 'gc [OPTIONS]',
  summary: 'remove from this node, or from the bucket, what nobody needs',
  options: {
    bucket: { type: 'boolean', description: 'from the bucket, instead of from this node' },
    grace: {
      type: 'string',
      argument: 'DAYS',
      description: 'with --bucket: objects younger than that stay; default: 7, at least 1',
    },
    'dry-run': { type: 'boolean', description: 'only tell what would go' },
    ...CLIENT_OPTIONS,
  },
  check({ bucket, grace }) {
    if (!bucket && grace !== undefined)
      throw wrongUsage(
        '--grace is for --bucket: a node keeps nothing that it does not need',
        'Use lade gc, or lade gc --bucket --grace DAYS',
      );
    if (grace !== undefined && !(Number(grace) >= 1))
      throw wrongUsage(`--grace ${grace} is no number of days from 1 on`, 'Use --grace 7');
  },
  async run({ values: { json = false, bucket, grace, 'dry-run': dryRun = false, ...values }, terminal }) {
    using client = openClient(values);
    if (!bucket) tellNode(await client.collectGarbage({ dryRun }), json, terminal);
    else
      await collectInBucket(
        client,
        { dryRun, ...(grace === undefined ? {} : { graceDays: Number(grace) }) },
        json,
        terminal,
      );
    return 0;
  },
});

function tellNode(found: NodeGarbage, json: boolean, { stdout }: Terminal): void {
  if (json) return writeJson(stdout, found);
  const { dryRun, askedContainerd, snapshots, layers, waiting } = found;
  const verb = dryRun ? 'garbage' : 'removed';
  for (const { diffId, diskBytes } of layers) stdout.write(`${verb} ${diffId} ${formatBytes(diskBytes)}\n`);
  const parts = [`${layers.length} layers, ${sizeOf(layers)}`, ...(dryRun ? [] : [`${snapshots} snapshots`])];
  stdout.write(`${verb}: ${parts.join(', ')}\n`);
  if (waiting.length > 0)
    stdout.write(`kept until they are uploaded: ${waiting.length} layers, ${sizeOf(waiting)}\n`);
  if (dryRun) stdout.write('more may go when containerd has collected its own garbage first\n');
  else if (!askedContainerd) stdout.write('containerd was not reached: what only it can give up stays\n');
}

function sizeOf(layers: NodeGarbage['layers']): string {
  return formatBytes(layers.reduce((sum, { diskBytes }) => sum + diskBytes, 0));
}

async function collectInBucket(
  client: ControlClient,
  request: GarbageRequest,
  json: boolean,
  terminal: Terminal,
): Promise<void> {
  using progress = new ProgressLines(terminal.stderr);
  progress.show(['looking for garbage']);
  for await (const event of client.bucket.collectGarbage(request)) {
    if (json) writeJsonLine(terminal.stdout, event);
    else tell(event, progress, terminal);
  }
}

function tell(event: GarbageEvent, progress: ProgressLines, { stdout }: Terminal): void {
  if (event.kind === 'listed') return progress.show([`looking for garbage in ${event.objects} objects`]);
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
