import { defineCommand, wrongUsage } from '../command.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';

const USAGE = 'rmi --bucket IMAGE [--address SOCKET]';

export const rmi = defineCommand({
  usage: USAGE,
  summary: 'have the bucket forget an image; what only that needed is garbage then (lade gc)',
  options: { address: CLIENT_OPTIONS.address, bucket: { type: 'boolean' } },
  operands: ['IMAGE'],
  check({ bucket }) {
    if (!bucket) throw wrongUsage('--bucket is missing', `Usage: lade ${USAGE}`);
  },
  async run({ values, operands: [image = ''], terminal }) {
    using client = openClient(values);
    await client.bucket.removeImage(image);
    terminal.stdout.write(`${printable(image)}\n`);
    return 0;
  },
});
