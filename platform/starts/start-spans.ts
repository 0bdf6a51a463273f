import type { FillSpan, FillSpans } from '@lade/residency';
import { beginSpan, createTrace } from '@lade/tracing';
import { isIn } from './container-reads.ts';
import { StartSpan } from './start-span.ts';

/** Containers that were made, and are not started yet or only just. */
const MAX_STARTS = 128;
/** Of all starts together. */
const MAX_FILLS = 2_048;
const MAX_READERS = 512;

/** The starts that are told as spans, from the container's record on, so that its first reads are known. */
export class StartSpans implements FillSpans {
  /** By the container's control group: see isIn(). */
  readonly #open = new Map<string, StartSpan>();
  /** Who has asked since the last change. */
  readonly #byReader = new Map<string, StartSpan | undefined>();
  readonly #room = { fills: MAX_FILLS };

  begin(reader: string): FillSpan | undefined {
    if (this.#open.size === 0) return undefined;
    if (!this.#byReader.has(reader)) this.#learn(reader);
    return this.#byReader.get(reader)?.beginFill();
  }

  /** Undefined where nobody wants spans, or the sampler not this one. `cgroup`: see isIn(). */
  open(cgroup: string): StartSpan | undefined {
    const span = beginSpan('start container', createTrace());
    if (!span?.context.isSampled) return undefined;
    const start = new StartSpan(span, this.#room);
    this.#forget(cgroup);
    this.#open.set(cgroup, start);
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= MAX_STARTS) break;
      this.#forget(oldest);
    }
    return start;
  }

  /** The one that is open, or a new one. */
  of(cgroup: string): StartSpan | undefined {
    return this.#open.get(cgroup) ?? this.open(cgroup);
  }

  /** What is read from now on does not belong to it any more. */
  close(start: StartSpan): void {
    for (const [cgroup, open] of this.#open) if (open === start) this.#forget(cgroup);
  }

  #learn(reader: string): void {
    if (this.#byReader.size === MAX_READERS) this.#byReader.clear();
    const found = [...this.#open].find(([cgroup]) => isIn(reader, cgroup));
    this.#byReader.set(reader, found?.[1]);
  }

  #forget(cgroup: string): void {
    this.#byReader.clear();
    this.#open.get(cgroup)?.close();
    this.#open.delete(cgroup);
  }
}
