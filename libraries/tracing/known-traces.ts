import type { TraceContext } from './trace-context.ts';

const MAX_KEYS = 4096;

/**
 * Which trace a thing belongs to that calls without a trace are about. A thing of two traces belongs to neither. The oldest
 * are forgotten.
 */
export class KnownTraces {
  readonly #traces = new Map<string, TraceContext | 'several'>();

  remember(key: string, trace: TraceContext): void {
    const known = this.#traces.get(key);
    if (known === undefined && this.#traces.size === MAX_KEYS) this.#forgetOldest();
    const isOther = known === 'several' || (known !== undefined && known.traceId !== trace.traceId);
    this.#traces.set(key, isOther ? 'several' : trace);
  }

  find(key: string): TraceContext | undefined {
    const known = this.#traces.get(key);
    return known === 'several' ? undefined : known;
  }

  forget(key: string): void {
    this.#traces.delete(key);
  }

  #forgetOldest(): void {
    for (const key of this.#traces.keys()) {
      this.#traces.delete(key);
      return;
    }
  }
}
