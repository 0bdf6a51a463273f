import type { Logger } from '@lade/log';

export interface ExportOptions {
  /** By their names: OTEL_…, as OpenTelemetry defines them. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Unless the variables name another. */
  readonly serviceName: string;
  readonly version: string;
  readonly log: Logger;
}

/**
 * Sends the spans of this process to where the variables say, in the background, until disposal. Does nothing, and loads nothing,
 * where they name no endpoint. Throws `invalid_argument` for a value that nothing can be done with.
 */
export async function startExport(options: ExportOptions): Promise<AsyncDisposable | undefined> {
  if (!isWanted(options.variables)) return undefined;
  const { exportSpans } = await import('./export-spans.ts');
  return exportSpans(options);
}

function isWanted(variables: ExportOptions['variables']): boolean {
  if (variables['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false;
  const exporters = (variables['OTEL_TRACES_EXPORTER'] ?? 'otlp').split(',').map((name) => name.trim());
  if (!exporters.includes('otlp')) return false;
  return ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'].some(
    (name) => (variables[name] ?? '') !== '',
  );
}
