import type { PullRequest } from '@lade/control-protocol';
import { defineCommand, wrongUsage } from '../command.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { PullProgress } from '../pull-progress.ts';
import { writeJsonLine } from '../write-json.ts';

const USAGE =
  'pull IMAGE [--from any|bucket|registry] [--namespace NAME] [--plain-http] [--json] [--address SOCKET]';

export const pull = defineCommand({
  usage: USAGE,
  summary: 'bring an image into containerd, from the bucket or its registry',
  options: {
    ...CLIENT_OPTIONS,
    from: { type: 'string' },
    namespace: { type: 'string' },
    'plain-http': { type: 'boolean' },
  },
  operands: ['IMAGE'],
  check: ({ from }) => void sourceIn(from),
  async run({ values, operands: [image = ''], terminal }) {
    using client = openClient(values);
    using progress = new PullProgress(terminal);
    const { namespace, from, 'plain-http': plainHttp } = values;
    const request: PullRequest = {
      image,
      ...(namespace === undefined ? {} : { namespace }),
      ...(from === undefined ? {} : { from: sourceIn(from) }),
      ...(plainHttp === undefined ? {} : { plainHttp }),
    };
    try {
      for await (const event of client.pull(request)) {
        if (values.json) writeJsonLine(terminal.stdout, event);
        else progress.tell(event);
      }
    } catch (reason) {
      progress.tellFailure();
      throw reason;
    }
    return 0;
  },
});

function sourceIn(from = 'any'): 'any' | 'bucket' | 'registry' {
  if (from === 'any' || from === 'bucket' || from === 'registry') return from;
  throw wrongUsage(`--from ${JSON.stringify(from)} is none of any, bucket, registry`, `Usage: lade ${USAGE}`);
}
