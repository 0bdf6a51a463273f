import type { BucketEvent } from '@lade/bucket';
import { watchCalls } from '@lade/containerd-services';
import { EventLog } from '@lade/event-log';
import type { CallWatch } from '@lade/grpc';
import { createLogger, type LogLevel, type Logger } from '@lade/log';
import { PullTimes } from '@lade/starts';
import { CallTimes } from './call-times.ts';
import { notePull } from './note-pull.ts';

/** Where everything is told that this daemon does: for the log, and for those who follow its events. */
export interface Observation {
  /** Every line is an event, too. */
  readonly log: Logger;
  readonly events: EventLog;
  readonly calls: CallWatch;
  readonly callTimes: CallTimes;
  readonly pulls: PullTimes;
  readonly tellBucket: (event: BucketEvent) => void;
}

/** What the bucket's own console shows is in the log by default; of reads there may be thousands in a start. */
const BUCKET_LINES = {
  put: ['info', 'object put'],
  delete: ['info', 'object deleted'],
  get: ['debug', 'object read'],
  head: ['debug', 'object looked at'],
  list: ['debug', 'objects listed'],
} as const satisfies Record<BucketEvent['operation'], readonly [LogLevel, string]>;

export function observe(write: (line: string) => void, level: LogLevel): Observation {
  const events = new EventLog();
  const lines = createLogger(write, level);
  const callTimes = new CallTimes();
  const pulls = new PullTimes();
  return {
    events,
    callTimes,
    pulls,
    log: createLogger(write, level, ({ level: kind, message, fields }) =>
      events.tell(`log.${kind}`, { message, ...fields }),
    ),
    calls: watchCalls((call, fields) => {
      callTimes.count(call, fields.ms, fields.code !== undefined);
      notePull(pulls, call, fields);
      events.tell(`containerd.${call}`, fields);
      lines.debug('call answered', { call, ...fields });
    }),
    tellBucket({ operation, ...fields }) {
      events.tell(`bucket.${operation}`, fields);
      const [at, message] = BUCKET_LINES[operation];
      lines[at](message, fields);
    },
  };
}
