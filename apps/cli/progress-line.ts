import type { TextStream } from './command.ts';
import { printable } from './printable.ts';

const RETURN_AND_CLEAR = '\r\u001B[2K';

/** One line on a terminal that says what is going on and is gone when cleared; nothing where there is no terminal. */
export class ProgressLine implements Disposable {
  readonly #stream: TextStream;
  #shown = false;

  constructor(stream: TextStream) {
    this.#stream = stream;
  }

  show(text: string): void {
    if (!this.#stream.isTTY) return;
    this.#stream.write(`${RETURN_AND_CLEAR}${printable(text)}`);
    this.#shown = true;
  }

  /** Before anything else is written to the terminal. */
  clear(): void {
    if (this.#shown) this.#stream.write(RETURN_AND_CLEAR);
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
