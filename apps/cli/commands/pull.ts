import type { PullRequest } from '@lade/control-protocol';
import { defineCommand, wrongUsage } from '../command.ts';
import { CLIENT_OPTIONS, NAMESPACE, namespaceIn, openClient } from '../open-client.ts';
import { PullProgress } from '../pull-progress.ts';
import { writeJsonLine } from '../write-json.ts';

export const pull = defineCommand({
  usage: 'pull [OPTIONS] IMAGE',
  summary: 'bring an image into containerd, from the bucket or its registry',
  options: {
    from: {
      type: 'string',
      argument: 'any|bucket|registry',
      description: 'where to look for it; default: any',
    },
    'plain-http': {
      type: 'boolean',
      description: 'speak HTTP with a registry that is not on this machine',
    },
    namespace: NAMESPACE,
    ...CLIENT_OPTIONS,
  },
  lacking: {
    '--platform': 'Images are pulled for this machine; ctr images pull --platform brings others',
    '-a': 'Name each tag; there is no list of them',
    '--all-tags': 'Name each tag; there is no list of them',
  },
  operands: ['IMAGE'],
  check: ({ from }) => void sourceIn(from),
  async run({ values, operands: [image = ''], terminal }) {
    using client = openClient(values);
    using progress = new PullProgress(terminal);
    const { from, 'plain-http': plainHttp } = values;
    const request: PullRequest = {
      image,
      ...namespaceIn(values),
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
  throw wrongUsage(
    `--from ${JSON.stringify(from)} is none of any, bucket, registry`,
    'Use --from any, --from bucket or --from registry',
  );
}
