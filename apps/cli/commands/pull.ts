import type { PullEvent } from '@lade/control-protocol';
import { defineCommand, type Terminal } from '../command.ts';
import { formatDigest } from '../format-digest.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';
import { ProgressLine } from '../progress-line.ts';
import { writeJsonLine } from '../write-json.ts';

export const pull = defineCommand({
  usage: 'pull IMAGE [--namespace NAME] [--json] [--address SOCKET]',
  summary: 'bring an image from the bucket into containerd, without its registry',
  options: { ...CLIENT_OPTIONS, namespace: { type: 'string' } },
  operands: ['IMAGE'],
  async run({ values, operands: [image = ''], terminal }) {
    using client = openClient(values);
    using progress = new ProgressLine(terminal.stderr);
    const { namespace } = values;
    for await (const event of client.pull(image, namespace === undefined ? {} : { namespace })) {
      if (values.json) writeJsonLine(terminal.stdout, event);
      else tell(event, progress, terminal);
    }
    return 0;
  },
});

function tell(event: PullEvent, progress: ProgressLine, { stdout }: Terminal): void {
  switch (event.kind) {
    case 'resolved':
      return progress.show(`resolved ${formatDigest(event.digest)}, layers: ${event.layers}`);
    case 'fetching':
    case 'downloading':
    case 'converting':
      return progress.show(
        `${event.kind} ${formatDigest(event.diffId)}, layer ${event.number} of ${event.of}`,
      );
    case 'present':
      progress.clear();
      stdout.write(`${formatDigest(event.diffId)} present\n`);
      return;
    case 'restored':
      progress.clear();
      stdout.write(
        `${printable(event.name)} ${formatDigest(event.digest)} restored, layers: ${event.layers}\n`,
      );
  }
}
