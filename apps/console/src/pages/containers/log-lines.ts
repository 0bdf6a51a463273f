export interface LogLine {
  /** Counted from the beginning. */
  readonly number: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

// What terminals take as commands: sequences that begin with escape, and the other control letters.
const CONTROLS = /[\p{Cc}--[\t\n\r]](?:\[[0-9;?]*[ -\/]*[@-~]|\][^\p{Cc}]*\p{Cc}\\?)|[\p{Cc}--\t]/gv;

/** The newest lines of what a process wrote, as plain text. Lines of its two streams are put together each for itself. */
export class LogLines {
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  readonly #open = { stdout: '', stderr: '' };
  readonly #max: number;
  #lines: LogLine[] = [];
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
    const parts = (this.#open[stream] + this.#decoders[stream].decode(bytes, { stream: true })).split('\n');
    this.#open[stream] = parts.pop() ?? '';
    for (const part of parts)
      this.#lines.push({ number: this.#count++, stream, text: part.replace(CONTROLS, '') });
    if (this.#lines.length > this.#max) this.#lines = this.#lines.slice(-this.#max);
  }

  /** A copy; lines that have no end yet are last. */
  newest(): readonly LogLine[] {
    const open = (['stdout', 'stderr'] as const).flatMap((stream) =>
      this.#open[stream] === ''
        ? []
        : [{ number: this.#count, stream, text: this.#open[stream].replace(CONTROLS, '') }],
    );
    return [...this.#lines, ...open];
  }
}
