/** A read that waits, as a span. */
export interface FillSpan {
  /** What `work` asks the bucket for lies in it. */
  around<T>(work: () => T): T;
  fail(reason: unknown): void;
  end(wait: FilledRead): void;
}

export interface FilledRead {
  readonly diffId: string;
  readonly offset: number;
  readonly length: number;
  /** Of the chunks that were not resident. */
  readonly filledBytes: number;
}

/** Which of the reads that wait are told as spans. */
export interface FillSpans {
  /** A process of this control group begins to wait; undefined: nobody wants to know. */
  begin(reader: string): FillSpan | undefined;
}
