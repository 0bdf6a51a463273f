import { defineCommand, wrongUsage } from '../command.ts';
import { CLIENT_OPTIONS, NAMESPACE, namespaceIn, openClient } from '../open-client.ts';
import { writeJsonLine } from '../write-json.ts';
import { writeOutput } from '../write-output.ts';

// With docker, -n is the number of lines.
const { short: _, ...withoutShort } = NAMESPACE;
const NO_TIMES = 'No times are kept with what containers write; use --tail, or times of the program itself';

export const logs = defineCommand({
  usage: 'logs [OPTIONS] CONTAINER',
  summary: 'show what a container wrote that Lade has started',
  options: {
    follow: { type: 'boolean', short: 'f', description: 'go on until it has ended' },
    tail: {
      type: 'string',
      short: 'n',
      argument: 'LINES',
      description: 'only the last so many; default: all',
    },
    namespace: withoutShort,
    ...CLIENT_OPTIONS,
  },
  lacking: { '--since': NO_TIMES, '--until': NO_TIMES, '-t': NO_TIMES, '--timestamps': NO_TIMES },
  operands: ['CONTAINER'],
  check({ tail }) {
    if (tail !== undefined && !/^(?:\d+|all)$/.test(tail))
      throw wrongUsage('--tail takes a number of lines, or all', 'Use --tail 100');
  },
  async run({ values: { follow, tail, json, ...values }, operands: [id = ''], terminal }) {
    using client = openClient(values);
    const { namespace } = namespaceIn(values);
    const lines = tail === undefined || tail === 'all' ? undefined : Number(tail);
    for await (const event of client.containers.logs(id, { follow, namespace, tail: lines })) {
      if (json) writeJsonLine(terminal.stdout, event);
      else await writeOutput(event);
    }
    return 0;
  },
});
