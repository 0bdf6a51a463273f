import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Logger } from '@lade/log';

type Done = Parameters<SpanExporter['export']>[1];

/** An exporter whose failures are told once an outage; the SDK itself tells nobody of them. */
export class SpanPost implements SpanExporter {
  readonly #exporter: OTLPTraceExporter;
  readonly #log: Logger;
  #lost = 0;

  constructor(exporter: OTLPTraceExporter, log: Logger) {
    this.#exporter = exporter;
    this.#log = log;
  }

  export(spans: ReadableSpan[], done: Done): void {
    this.#exporter.export(spans, (result) => {
      if (result.error) this.#lose(spans.length, result.error);
      else this.#arrive();
      done(result);
    });
  }

  async shutdown(): Promise<void> {
    await this.#exporter.shutdown();
  }

  #lose(spans: number, error: Error): void {
    if (this.#lost === 0) this.#log.warn('spans cannot be exported, they are dropped', { error });
    this.#lost += spans;
  }

  #arrive(): void {
    if (this.#lost > 0) this.#log.info('spans are exported again', { lost: this.#lost });
    this.#lost = 0;
  }
}
