import { setTimeout as sleep } from 'node:timers/promises';
import { defineCommand, wrongUsage } from '../command.ts';
import { CLIENT_OPTIONS, NAMESPACE, namespaceIn, openClient } from '../open-client.ts';
import { ProgressLines } from '../progress-lines.ts';
import { measure, formatTop } from '../top-figures.ts';
import { writeJsonLine } from '../write-json.ts';

export const top = defineCommand({
  usage: 'top [OPTIONS]',
  summary: 'show what the node does, again and again',
  options: {
    interval: { type: 'string', argument: 'SECONDS', description: 'between two looks; default: 2' },
    count: { type: 'string', argument: 'N', description: 'end after so many; without a terminal after one' },
    namespace: NAMESPACE,
    ...CLIENT_OPTIONS,
  },
  check({ interval, count }) {
    if (interval !== undefined && !(Number(interval) >= 0.1))
      throw wrongUsage(`--interval ${interval} is no number of seconds from 0.1 on`, 'Use --interval 2');
    if (count !== undefined && !/^[1-9]\d*$/.test(count))
      throw wrongUsage(`--count ${count} is no number from 1 on`, 'Use --count 10');
  },
  async run({ values: { interval = '2', count, json, ...values }, terminal: { stdout } }) {
    using client = openClient(values);
    const { namespace } = namespaceIn(values);
    using screen = new ProgressLines(stdout);
    // Elsewhere than on a terminal there is nothing to draw anew.
    const rounds = count === undefined ? (stdout.isTTY || json ? Infinity : 1) : Number(count);
    let before = await measure(client, namespace);
    for (let round = 0; round < rounds; round++) {
      await sleep(Number(interval) * 1000);
      const now = await measure(client, namespace);
      if (json) writeJsonLine(stdout, now);
      else if (stdout.isTTY) screen.show(formatTop(before, now).trimEnd().split('\n'));
      else stdout.write(formatTop(before, now));
      before = now;
    }
    return 0;
  },
});
