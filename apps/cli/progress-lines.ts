import type { TextStream } from './command.ts';
import { printable } from './printable.ts';

const UP = '\u001B[1A';
const RETURN_AND_CLEAR_BELOW = '\r\u001B[J';

/** The last lines of a terminal, which say what is going on and are gone when cleared; nothing where there is no terminal. */
export class ProgressLines implements Disposable {
  readonly #stream: TextStream;
  #shown = 0;

  constructor(stream: TextStream) {
    this.#stream = stream;
  }

  /** Lines that are too long are cut, so that each takes one row. */
  show(lines: readonly string[]): void {
    if (!this.#stream.isTTY) return;
    const { columns = 80 } = this.#stream;
    const rows = lines.map((line) => printable(line).slice(0, columns - 1));
    this.#stream.write(`${this.#back()}${rows.join('\n')}`);
    this.#shown = rows.length;
  }

  /** Before anything else is written to the terminal. */
  clear(): void {
    if (this.#shown > 0) this.#stream.write(this.#back());
    this.#shown = 0;
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #back(): string {
    return `${UP.repeat(Math.max(0, this.#shown - 1))}${RETURN_AND_CLEAR_BELOW}`;
  }
}
