import { defineCommand, wrongUsage } from '../command.ts';
import { withEachName } from '../each-name.ts';
import { CLIENT_OPTIONS, NAMESPACE, namespaceIn, openClient } from '../open-client.ts';

export const stop = defineCommand({
  usage: 'stop [OPTIONS] CONTAINER…',
  summary: 'end containers by the stop signal of their images',
  options: {
    time: {
      type: 'string',
      short: 't',
      argument: 'SECONDS',
      description: 'by force when it takes longer; default: 10',
    },
    namespace: NAMESPACE,
    ...CLIENT_OPTIONS,
  },
  lacking: {
    '-s': 'The stop signal is that of the image; any other is sent with lade exec CONTAINER kill -SIGNAL 1',
    '--signal':
      'The stop signal is that of the image; any other is sent with lade exec CONTAINER kill -SIGNAL 1',
  },
  operands: ['CONTAINER'],
  more: 'several',
  check({ time }) {
    if (time !== undefined && !/^\d{1,4}$/.test(time))
      throw wrongUsage('--time takes a number of seconds', 'Use --time 10');
  },
  async run({ values, operands, terminal }) {
    using client = openClient(values);
    const seconds = values.time === undefined ? undefined : Number(values.time);
    const options = { ...namespaceIn(values), seconds };
    return await withEachName(operands, { json: values.json, terminal }, async (id) =>
      client.containers.stop(id, options),
    );
  },
});
