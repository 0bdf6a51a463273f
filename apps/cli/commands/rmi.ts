import { defineCommand } from '../command.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';

export const rmi = defineCommand({
  usage: 'rmi IMAGE [--namespace NAME] [--address SOCKET]',
  summary: 'remove an image from containerd; the bucket keeps it',
  options: { address: CLIENT_OPTIONS.address, namespace: { type: 'string' } },
  operands: ['IMAGE'],
  async run({ values, operands: [image = ''], terminal }) {
    using client = openClient(values);
    await client.removeImage(image, { namespace: values.namespace });
    terminal.stdout.write(`${printable(image)} removed\n`);
    return 0;
  },
});
