import { defineCommand, wrongUsage } from '../command.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';

const USAGE = 'rmi IMAGE [--bucket | --namespace NAME] [--address SOCKET]';

export const rmi = defineCommand({
  usage: USAGE,
  summary: 'remove an image from containerd, or have the bucket forget it (then lade gc)',
  options: {
    address: CLIENT_OPTIONS.address,
    bucket: { type: 'boolean' },
    namespace: { type: 'string' },
  },
  operands: ['IMAGE'],
  check({ bucket, namespace }) {
    if (bucket && namespace !== undefined)
      throw wrongUsage('--bucket and --namespace exclude each other', `Usage: lade ${USAGE}`);
  },
  async run({ values: { bucket, namespace, ...values }, operands: [image = ''], terminal }) {
    using client = openClient(values);
    if (bucket) await client.bucket.removeImage(image);
    else await client.removeImage(image, { namespace });
    terminal.stdout.write(`${printable(image)} removed\n`);
    return 0;
  },
});
