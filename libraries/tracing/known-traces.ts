import type { TraceContext } from './trace-context.ts';

/** Of which there are two: the last, and the one before. */
const MAX_KEYS = 4096;

/**
 * Which trace a thing belongs to that calls without a trace are about. A thing of two traces belongs to neither. What was not
 * remembered for long is forgotten.
 */
export class KnownTraces {
  /** Whole generations are forgotten: looking for the oldest key of a map takes ever longer. */
  #last = new Map<string, TraceContext | 'several'>();
  #before = new Map<string, TraceContext | 'several'>();

  remember(key: string, trace: TraceContext): void {
    const known = this.#find(key);
    const isOther = known === 'several' || (known !== undefined && known.traceId !== trace.traceId);
    if (this.#last.size === MAX_KEYS) {
      this.#before = this.#last;
      this.#last = new Map();
    }
    this.#last.set(key, isOther ? 'several' : trace);
  }

  find(key: string): TraceContext | undefined {
    const known = this.#find(key);
    return known === 'several' ? undefined : known;
  }

  forget(key: string): void {
    this.#last.delete(key);
    this.#before.delete(key);
  }

  #find(key: string): TraceContext | 'several' | undefined {
    return this.#last.get(key) ?? this.#before.get(key);
  }
}
