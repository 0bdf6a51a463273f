import { defineCommand } from '../command.ts';
import { withEachName } from '../each-name.ts';
import { CLIENT_OPTIONS, NAMESPACE, namespaceIn, openClient } from '../open-client.ts';

export const rm = defineCommand({
  usage: 'rm [OPTIONS] CONTAINER…',
  summary: 'remove containers, with what they wrote and changed',
  options: {
    force: { type: 'boolean', short: 'f', description: 'also those that run' },
    namespace: NAMESPACE,
    ...CLIENT_OPTIONS,
  },
  lacking: { '-v': 'Leave it out: containers have no volumes, and take what they wrote with them' },
  operands: ['CONTAINER'],
  more: 'several',
  async run({ values, operands, terminal }) {
    using client = openClient(values);
    const options = { ...namespaceIn(values), force: values.force };
    return await withEachName(operands, { json: values.json, terminal }, async (id) =>
      client.containers.remove(id, options),
    );
  },
});
