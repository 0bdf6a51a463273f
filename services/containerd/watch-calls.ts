import type { CallWatch } from '@lade/grpc';
import { SNAPSHOT_REF } from '@lade/snapshots';
import { tellOfSpan, type SpanEnd } from '@lade/tracing';
import type { CallTraces } from './call-traces.ts';

/** What containerd's requests are about, whichever of them these fields belong to. */
interface AnyRequest {
  readonly key?: string;
  readonly name?: string;
  readonly parent?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly digest?: string;
  readonly ref?: string;
  readonly expected?: string;
  readonly offset?: bigint;
  readonly size?: bigint;
  readonly info?: { readonly name?: string; readonly digest?: string };
  readonly diff?: { readonly digest: string };
}

interface CallFields {
  readonly ms: number;
  /** Why it failed. */
  readonly code?: string;
  readonly [field: string]: unknown;
}

/** Tells the calls of our three services as `snapshots.prepare`, `content.read`, `diff.apply` …, with what each was about. */
export function watchCalls(traces: CallTraces, tell: (name: string, fields: CallFields) => void): CallWatch {
  return {
    around: async (call, answer) => traces.around(call, answer),
    subjectOf(given) {
      const request = given as AnyRequest;
      if (request.ref !== undefined) traces.joinIngest(request.ref);
      return subjectOf(request);
    },
    tell({ service, method, subject, namespace, ms, code }) {
      tellOfSpan(() => describeEnd(subject, code));
      // containerd.services.snapshots.v1.Snapshots
      const [, , name = service] = service.split('.');
      const fields = { ...subject, ...(namespace === '' ? {} : { namespace }), ms };
      tell(`${name}.${method}`, code === undefined ? fields : { ...fields, code });
    },
  };
}

/** What gRPC's servers are to blame for, by OpenTelemetry's conventions. */
const FAILURES: readonly (string | undefined)[] = [
  'unknown',
  'deadline_exceeded',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
];

function describeEnd(subject: object, code: string | undefined): SpanEnd {
  const named = Object.entries(subject).map(([name, value]) => [`lade.${name}`, value as string] as const);
  const status = { 'rpc.status_code': (code ?? 'ok').toUpperCase() };
  return {
    attributes: { ...Object.fromEntries(named), ...status },
    error: FAILURES.includes(code) ? code : undefined,
  };
}

function subjectOf(request: AnyRequest): object {
  const { key, name = request.info?.name, parent, ref, expected, offset, size } = request;
  const digest = request.digest ?? request.info?.digest ?? request.diff?.digest;
  const chainId = request.labels?.[SNAPSHOT_REF];
  const range = { offset: Number(offset ?? 0), size: Number(size ?? 0) };
  return Object.fromEntries(
    Object.entries({ key, name, parent, chainId, digest, ref, expected, ...range }).filter(
      ([, value]) => value !== undefined && value !== '' && value !== 0,
    ),
  );
}
