import type { BucketEvent, RequestClass } from '@lade/bucket';
import { watchCalls, type CallTraces } from '@lade/containerd-services';
import { EventLog } from '@lade/event-log';
import type { CallWatch } from '@lade/grpc';
import { createLogger, type LogFields, type LogLevel, type Logger } from '@lade/log';
import type { RegistryRequest } from '@lade/registry-client';
import { PullTimes } from '@lade/starts';
import { currentTrace, tellSpan } from '@lade/tracing';
import { notePull } from './note-pull.ts';
import { Timings } from './timings.ts';

type SpanDescription = ReturnType<Parameters<typeof tellSpan>[2]>;

/** Where everything is told that this daemon does: for the log, for those who follow its events, and as spans. */
export interface Observation {
  /** Every line is an event, too. */
  readonly log: Logger;
  readonly events: EventLog;
  readonly calls: CallWatch;
  readonly timings: {
    readonly calls: Timings;
    readonly bucket: Timings;
    readonly work: Timings;
    readonly starts: Timings;
  };
  readonly pulls: PullTimes;
  readonly tellBucket: (event: BucketEvent) => void;
  readonly tellRegistry: (request: RegistryRequest) => void;
}

/** What the bucket's own console shows is in the log by default; of reads there may be thousands in a start. */
const BUCKET_LINES = {
  put: ['info', 'object put', 'write'],
  delete: ['info', 'object deleted', 'delete'],
  get: ['debug', 'object read', 'read'],
  head: ['debug', 'object looked at', 'read'],
  list: ['debug', 'objects listed', 'list'],
} as const satisfies Record<BucketEvent['operation'], readonly [LogLevel, string, RequestClass]>;

export function observe(write: (line: string) => void, level: LogLevel, traces: CallTraces): Observation {
  const events = new EventLog();
  const tell = (kind: string, fields: LogFields): void => events.tell(kind, { ...fields, ...traced() });
  const lines = createLogger(write, level, { context: traced });
  const timings = {
    calls: new Timings('call'),
    bucket: new Timings('operation'),
    work: new Timings('work'),
    starts: new Timings('kind'),
  };
  const pulls = new PullTimes();
  return {
    events,
    timings,
    pulls,
    log: createLogger(write, level, {
      context: traced,
      tell: ({ level: kind, message, fields }) => tell(`log.${kind}`, { message, ...fields }),
    }),
    calls: watchCalls(traces, (call, fields) => {
      timings.calls.count(call, fields.code === undefined ? 'ok' : 'error', fields.ms);
      notePull(pulls, call, fields);
      tell(`containerd.${call}`, fields);
      lines.debug('call answered', { call, ...fields });
    }),
    tellBucket({ operation, ...fields }) {
      timings.bucket.count(operation, fields.code ?? 'ok', fields.ms);
      tell(`bucket.${operation}`, fields);
      const [at, message, requestClass] = BUCKET_LINES[operation];
      lines[at](message, fields);
      tellSpan(`bucket ${operation}`, fields.ms, () => describeBucket(requestClass, fields));
    },
    tellRegistry({ method, url, ...fields }) {
      tell(`registry.${method.toLowerCase()}`, { url, ...fields });
      lines.debug('registry asked', { method, url, ...fields });
      tellSpan(method, fields.ms, () => describeRegistry({ method, url, ...fields }));
    },
  };
}

/** The one id of everything that a pull leads to. */
function traced(): LogFields {
  const trace = currentTrace();
  return trace ? { traceId: trace.traceId } : {};
}

function describeBucket(
  requestClass: RequestClass,
  { key, code, bytes, offset, objects }: Omit<BucketEvent, 'operation'>,
): SpanDescription {
  const figures = Object.entries({ bytes, offset, objects }).filter(([, value]) => value !== undefined);
  const named = figures.map(([name, value]) => [`lade.bucket.${name}`, Number(value)] as const);
  const attributes = { 'lade.bucket.key': key, 'lade.bucket.class': requestClass };
  return { kind: 'client', attributes: { ...attributes, ...Object.fromEntries(named) }, error: code };
}

/** By OpenTelemetry's conventions for HTTP. */
function describeRegistry({ method, url, status, code }: RegistryRequest): SpanDescription {
  const { hostname, port } = new URL(url);
  const attributes = {
    'http.request.method': method,
    'url.full': url,
    'server.address': hostname,
    ...(port === '' ? {} : { 'server.port': Number(port) }),
    ...(status === undefined ? {} : { 'http.response.status_code': status }),
  };
  return { kind: 'client', attributes, error: code };
}
