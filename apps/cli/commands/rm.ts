import { defineCommand } from '../command.ts';
import { CONTAINER_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';

export const rm = defineCommand({
  usage: 'rm CONTAINER… [-f|--force] [--namespace NAME] [--address SOCKET]',
  summary: 'remove containers, with what they wrote and changed; -f also those that run',
  options: { ...CONTAINER_OPTIONS, force: { type: 'boolean', short: 'f' } },
  operands: ['CONTAINER'],
  more: 'several',
  async run({ values: { force, namespace, ...values }, operands, terminal }) {
    using client = openClient(values);
    for (const id of operands) {
      await client.containers.remove(id, { namespace, force });
      terminal.stdout.write(`${printable(id)}\n`);
    }
    return 0;
  },
});
