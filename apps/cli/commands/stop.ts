import { defineCommand, wrongUsage } from '../command.ts';
import { CONTAINER_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';

export const stop = defineCommand({
  usage: 'stop CONTAINER… [-t|--time SECONDS] [--namespace NAME] [--address SOCKET]',
  summary:
    'end containers by the stop signal of their images, and by force when that takes longer than -t (10)',
  options: { ...CONTAINER_OPTIONS, time: { type: 'string', short: 't' } },
  operands: ['CONTAINER'],
  more: 'several',
  check({ time }) {
    if (time !== undefined && !/^\d{1,4}$/.test(time))
      throw wrongUsage('--time takes a number of seconds', 'Use --time 10');
  },
  async run({ values: { time, namespace, ...values }, operands, terminal }) {
    using client = openClient(values);
    const seconds = time === undefined ? undefined : Number(time);
    for (const id of operands) {
      await client.containers.stop(id, { namespace, seconds });
      terminal.stdout.write(`${printable(id)}\n`);
    }
    return 0;
  },
});
