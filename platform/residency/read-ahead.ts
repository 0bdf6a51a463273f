const MIN_WINDOW_BYTES = 256 << 10;
const MAX_WINDOW_BYTES = 16 << 20;
/** Readers of one blob that are followed at the same time. */
const MAX_STREAMS = 8;

export interface Window {
  readonly start: number;
  readonly end: number;
  /** Where to notice the reader, for the window after this one. */
  readonly marker: number;
}

interface Stream {
  /** Where the reader was first seen, and the end of all that was brought for it. */
  readonly origin: number;
  end: number;
  marker: number | undefined;
}

/**
 * Follows the readers of a blob and says what to bring before they ask. Nothing for the first miss of a reader: starts of
 * programs jump about, and a chunk is more than they asked for already. One that comes back exactly where its last chunk
 * ended gets half of what it has read so far, so that, wherever it stops, at most a third of all bytes was for nothing.
 */
export class ReadAhead {
  readonly #blobBytes: number;
  /** The one used last comes last. */
  #streams: Stream[] = [];

  constructor(blobBytes: number) {
    this.#blobBytes = blobBytes;
  }

  /** A reader waits for the chunks from `start` to `end`. */
  missed(start: number, end: number): Window | undefined {
    const stream = this.#streams.find((it) => start >= it.origin && start <= it.end);
    if (!stream) {
      this.#use({ origin: start, end, marker: undefined });
      return undefined;
    }
    this.#use(stream);
    if (stream.marker === undefined ? start < stream.end : end <= stream.marker) return undefined;
    stream.end = Math.max(stream.end, end);
    return this.#next(stream, end);
  }

  /** A reader has come to a marker. */
  reached(offset: number): Window | undefined {
    const stream = this.#streams.find(({ marker }) => marker === offset);
    if (!stream) return undefined;
    this.#use(stream);
    return this.#next(stream, offset);
  }

  #next(stream: Stream, readTo: number): Window | undefined {
    const bytes = Math.min(MAX_WINDOW_BYTES, Math.max(MIN_WINDOW_BYTES, (readTo - stream.origin) >> 1));
    const start = stream.end;
    const end = Math.min(this.#blobBytes, start + bytes);
    stream.end = end;
    stream.marker = undefined;
    if (start >= end) return undefined;
    stream.marker = start;
    return { start, end, marker: start };
  }

  #use(stream: Stream): void {
    this.#streams = [...this.#streams.filter((it) => it !== stream), stream].slice(-MAX_STREAMS);
  }
}
