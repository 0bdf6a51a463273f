import type { VerifyEvent } from '@lade/control-protocol';
import { defineCommand, type ExitCode, type Terminal } from '../command.ts';
import { formatBytes } from '../format-bytes.ts';
import { formatDigest } from '../format-digest.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';
import { ProgressLines } from '../progress-lines.ts';
import { writeJsonLine } from '../write-json.ts';

export const verify = defineCommand({
  usage: 'verify [OPTIONS] IMAGE',
  summary: 'prove every layer of an image from the bucket alone',
  options: CLIENT_OPTIONS,
  operands: ['IMAGE'],
  async run({ values, operands: [image = ''], terminal }) {
    using client = openClient(values);
    using progress = new ProgressLines(terminal.stderr);
    let code: ExitCode = 1;
    for await (const event of client.verify(image)) {
      if (event.kind === 'verified' && event.failed === 0) code = 0;
      if (values.json) writeJsonLine(terminal.stdout, event);
      else tell(event, progress, terminal);
    }
    return code;
  },
});

function tell(event: VerifyEvent, progress: ProgressLines, { stdout }: Terminal): void {
  if (event.kind === 'proving') {
    progress.show([`proving ${formatDigest(event.diffId)}, layer ${event.number} of ${event.of}`]);
    return;
  }
  progress.clear();
  if (event.kind === 'proved') {
    stdout.write(`${formatDigest(event.diffId)} ${formatBytes(event.tarBytes)} proved\n`);
  } else if (event.kind === 'failed') {
    const { message, cure } = event.error;
    stdout.write(`${formatDigest(event.diffId)} FAILED ${printable(message)}\n`);
    if (cure !== undefined) stdout.write(`  → ${printable(cure)}\n`);
  } else {
    const { layers, failed, tarBytes } = event;
    stdout.write(`${layers - failed} of ${layers} layers proved, ${formatBytes(tarBytes)}\n`);
  }
}
