export type TokenKind = 'end' | 'field' | 'quoted' | 'value' | 'separator' | 'operator' | 'other' | 'illegal';

export interface Token {
  readonly kind: TokenKind;
  /** Index of its first UTF-16 unit in the filter. */
  readonly position: number;
  /** As written, quotes included; for `illegal` what is wrong with it. */
  readonly text: string;
}

const QUOTE = /["/|]/;
const SEPARATOR = /[,.]/;
const OPERATOR = /[=!~]/;
const FIELD = /[0-9A-Za-z_]/;
const SPACE = /\p{White_Space}/u;
const VALUE = /(?!,)[\p{L}\p{M}\p{N}\p{P}\p{S}]/u;

/** One escape sequence of a Go string, without the backslash and without an escaped quote. */
const ESCAPE = /[abfnrtv\\]|[0-7]{3}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}/y;

/** Splits a filter into the tokens of containerd's `pkg/filters`; what a word is depends on the operator before it. */
export class FilterScanner {
  readonly #input: string;
  #position = 0;
  #wantsValue = false;

  constructor(input: string) {
    this.#input = input;
  }

  get position(): number {
    return this.#position;
  }

  /** The next character, '' at the end. */
  peek(): string {
    const code = this.#input.codePointAt(this.#position);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  scan(): Token {
    this.#skipWhile(SPACE);
    const position = this.#position;
    const character = this.peek();
    this.#position += character.length;
    if (character === '') return { kind: 'end', position, text: '' };
    if (isIllegal(character)) return { kind: 'illegal', position, text: 'illegal character' };
    if (QUOTE.test(character)) return this.#scanQuoted(character, position);
    if (SEPARATOR.test(character)) return this.#finish('separator', position);
    if (OPERATOR.test(character)) return this.#finish('operator', position, OPERATOR);
    if (this.#wantsValue) return this.#finish('value', position, VALUE);
    if (FIELD.test(character)) return this.#finish('field', position, FIELD);
    return { kind: 'other', position, text: character };
  }

  #finish(kind: TokenKind, position: number, rest?: RegExp): Token {
    if (rest) this.#skipWhile(rest);
    this.#wantsValue = kind === 'operator';
    return { kind, position, text: this.#input.slice(position, this.#position) };
  }

  #skipWhile(wanted: RegExp): void {
    for (let next = this.peek(); next !== '' && wanted.test(next); next = this.peek()) {
      if (isIllegal(next)) return;
      this.#position += next.length;
    }
  }

  #scanQuoted(quote: string, position: number): Token {
    for (let next = this.peek(); next !== quote; next = this.peek()) {
      if (next === '' || next === '\n' || isIllegal(next)) {
        return { kind: 'illegal', position, text: 'quoted literal not terminated' };
      }
      this.#position += next.length;
      if (next === '\\' && !this.#skipEscape(quote)) {
        return { kind: 'illegal', position, text: 'illegal escape sequence' };
      }
    }
    this.#position += quote.length;
    return { kind: 'quoted', position, text: this.#input.slice(position, this.#position) };
  }

  #skipEscape(quote: string): boolean {
    ESCAPE.lastIndex = this.#position;
    const length = this.peek() === quote ? quote.length : ESCAPE.exec(this.#input)?.[0].length;
    this.#position += length ?? 0;
    return length !== undefined;
  }
}

/** NUL, and what a decoder of UTF-8 puts in the place of bytes that it cannot read. */
function isIllegal(character: string): boolean {
  return character === '\0' || character === '\uFFFD' || /^[\uD800-\uDFFF]$/.test(character);
}
