import { CodedError } from '@lade/errors';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
} from '@opentelemetry/sdk-trace';

const SAMPLERS = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio) => new TraceIdRatioBasedSampler(ratio),
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: (ratio) => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
} as const satisfies Record<string, (ratio: number) => Sampler>;

/** What OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG name. Throws `invalid_argument`. */
export function createSampler(variables: Readonly<Record<string, string | undefined>>): Sampler {
  const name = variables['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on';
  const ratio = Number(variables['OTEL_TRACES_SAMPLER_ARG'] || '1');
  if (!Object.hasOwn(SAMPLERS, name))
    throw unusable('OTEL_TRACES_SAMPLER', name, `one of ${Object.keys(SAMPLERS).join(', ')}`);
  if (!(ratio >= 0 && ratio <= 1)) throw unusable('OTEL_TRACES_SAMPLER_ARG', String(ratio), '0 to 1');
  return SAMPLERS[name as keyof typeof SAMPLERS](ratio);
}

function unusable(name: string, value: string, wanted: string): CodedError {
  return new CodedError('invalid_argument', `Cannot use ${name}=${value}: want ${wanted}`, {
    cure: `Unset or correct ${name}`,
  });
}
