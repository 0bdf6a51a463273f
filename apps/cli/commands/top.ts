import { setTimeout as sleep } from 'node:timers/promises';
import { defineCommand, wrongUsage } from '../command.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { ProgressLines } from '../progress-lines.ts';
import { measure, formatTop } from '../top-figures.ts';
import { writeJsonLine } from '../write-json.ts';

const USAGE = 'top [--interval SECONDS] [--count N] [--namespace NAME] [--json] [--address SOCKET]';

export const top = defineCommand({
  usage: USAGE,
  summary: 'show what the node does, again and again: fills, waits, the bucket, containers',
  options: {
    ...CLIENT_OPTIONS,
    interval: { type: 'string' },
    count: { type: 'string' },
    namespace: { type: 'string' },
  },
  check({ interval, count }) {
    if (interval !== undefined && !(Number(interval) >= 0.1))
      throw wrongUsage(`--interval ${interval} is no number of seconds from 0.1 on`, `Usage: lade ${USAGE}`);
    if (count !== undefined && !/^[1-9]\d*$/.test(count))
      throw wrongUsage(`--count ${count} is no number from 1 on`, `Usage: lade ${USAGE}`);
  },
  async run({ values: { interval = '2', count, namespace, json, ...values }, terminal: { stdout } }) {
    using client = openClient(values);
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
