/** Sends what is typed, one request at a time, so that nothing overtakes; what comes meanwhile goes together in the next. */
export class InputQueue {
  readonly #send: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  readonly #failed: (reason: unknown) => void;
  readonly #encoder = new TextEncoder();
  #waiting = '';
  #sending = false;

  constructor(send: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>, failed: (reason: unknown) => void) {
    this.#send = send;
    this.#failed = failed;
  }

  add(text: string): void {
    this.#waiting += text;
    if (!this.#sending) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#waiting !== '') {
        const [text, rest] = cut(this.#waiting);
        this.#waiting = rest;
        await this.#send(this.#encoder.encode(text));
      }
    } catch (reason) {
      this.#waiting = '';
      this.#failed(reason);
    } finally {
      this.#sending = false;
    }
  }
}

const MAX_LETTERS = 8192;

/** Requests have a limit, and a paste may be larger; never between the halves of a letter. */
function cut(text: string): readonly [string, string] {
  if (text.length <= MAX_LETTERS) return [text, ''];
  const last = text.charCodeAt(MAX_LETTERS - 1);
  const at = last >= 0xd800 && last < 0xdc00 ? MAX_LETTERS - 1 : MAX_LETTERS;
  return [text.slice(0, at), text.slice(at)];
}
