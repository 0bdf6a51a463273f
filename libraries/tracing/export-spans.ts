import { ROOT_CONTEXT, trace, type SpanContext } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  type Resource,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, SamplingDecision, type Sampler } from '@opentelemetry/sdk-trace';
import { CodedError } from '@lade/errors';
import { inTrace } from './current-trace.ts';
import { SpanPost } from './span-post.ts';
import { createSampler } from './sampler.ts';
import { useSpanSink, type SpanSink } from './span-sink.ts';
import type { ExportOptions } from './start-export.ts';
import { KINDS, contextOf, toReadableSpan } from './to-readable-span.ts';
import type { TraceContext } from './trace-context.ts';

const PROTOCOL = 'http/protobuf';

/** A collector that takes longer for the last spans does without them. */
const FLUSH_MS = 1_000;

type Variables = ExportOptions['variables'];

/** The part that needs OpenTelemetry's SDK: megabytes that nobody loads who does not export. */
export function exportSpans({ variables, serviceName, version, log }: ExportOptions): AsyncDisposable {
  requireProtocol(variables);
  const sampler = createSampler(variables);
  const post = new SpanPost(new OTLPTraceExporter(), log);
  const processor = new BatchSpanProcessor({ exporter: post, ...limitsIn(variables) });
  const resource = describeProcess(serviceName, version);
  const scope = { name: serviceName, version };
  const sink: SpanSink = {
    isSampled: (parent, name) => isSampled(sampler, parent, name),
    end: (span) => inTrace(undefined, () => processor.onEnd(toReadableSpan(span, resource, scope))),
  };
  const using = useSpanSink(sink);
  return {
    async [Symbol.asyncDispose]() {
      using[Symbol.dispose]();
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, FLUSH_MS);
      await Promise.race([processor.shutdown(), late.promise]).catch(() => {});
      clearTimeout(timer);
    },
  };
}

function isSampled(sampler: Sampler, parent: TraceContext, name: string): boolean {
  const above: SpanContext | undefined = contextOf(parent);
  const context = above ? trace.setSpanContext(ROOT_CONTEXT, above) : ROOT_CONTEXT;
  const { decision } = sampler.shouldSample(context, parent.traceId, name, KINDS.internal, {}, []);
  return decision === SamplingDecision.RECORD_AND_SAMPLED;
}

/** What the variables say of the service goes before what we say. */
function describeProcess(serviceName: string, version: string): Resource {
  const own = resourceFromAttributes({ 'service.name': serviceName, 'service.version': version });
  return defaultResource()
    .merge(own)
    .merge(detectResources({ detectors: [envDetector] }));
}

function requireProtocol(variables: Variables): void {
  const [name, protocol] = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']
    .map((variable) => [variable, variables[variable] ?? ''] as const)
    .find(([, value]) => value !== '') ?? ['', PROTOCOL];
  if (protocol === PROTOCOL) return;
  throw new CodedError('invalid_argument', `Cannot export spans by ${protocol}: only ${PROTOCOL} is spoken`, {
    cure: `Set ${name} to ${PROTOCOL}, and name the collector's endpoint for it, by custom on port 4318`,
  });
}

function limitsIn(variables: Variables): object {
  const names = {
    scheduledDelayMillis: 'OTEL_BSP_SCHEDULE_DELAY',
    exportTimeoutMillis: 'OTEL_BSP_EXPORT_TIMEOUT',
    maxQueueSize: 'OTEL_BSP_MAX_QUEUE_SIZE',
    maxExportBatchSize: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
  };
  return Object.fromEntries(
    Object.entries(names).flatMap(([option, name]) => {
      const value = Number(variables[name] || Number.NaN);
      return value > 0 ? [[option, value]] : [];
    }),
  );
}
