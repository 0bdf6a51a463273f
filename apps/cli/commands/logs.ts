import { defineCommand, wrongUsage } from '../command.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { writeJsonLine } from '../write-json.ts';
import { writeOutput } from '../write-output.ts';

export const logs = defineCommand({
  usage: 'logs CONTAINER [-f|--follow] [-n|--tail LINES] [--namespace NAME] [--json] [--address SOCKET]',
  summary: 'show what a container wrote that Lade has started; -f goes on until it has ended',
  options: {
    ...CLIENT_OPTIONS,
    namespace: { type: 'string' },
    follow: { type: 'boolean', short: 'f' },
    tail: { type: 'string', short: 'n' },
  },
  operands: ['CONTAINER'],
  check({ tail }) {
    if (tail !== undefined && !/^(?:\d+|all)$/.test(tail))
      throw wrongUsage('--tail takes a number of lines, or all', 'Use --tail 100');
  },
  async run({ values: { follow, namespace, tail, json, ...values }, operands: [id = ''], terminal }) {
    using client = openClient(values);
    const lines = tail === undefined || tail === 'all' ? undefined : Number(tail);
    for await (const event of client.containers.logs(id, { follow, namespace, tail: lines })) {
      if (json) writeJsonLine(terminal.stdout, event);
      else await writeOutput(event);
    }
    return 0;
  },
});
