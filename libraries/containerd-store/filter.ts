import { CodedError } from '@lade/errors';
import { FilterScanner, type Token } from './filter-scanner.ts';
import { unquoteGo } from './go-quote.ts';
import { compileGoRegExp } from './go-regexp.ts';

/** One condition: a field path, an operator and its value. */
interface Selector {
  readonly path: readonly string[];
  readonly operator: 'present' | '==' | '!=' | '~=';
  readonly value: string;
  /** Of `~=`; undefined when Go refuses the expression, which then matches nothing. */
  readonly pattern: RegExp | undefined;
}

/** Selectors that must all hold; none hold for everything. */
export type Filter = readonly Selector[];

/** The value at a field path of the object in question, undefined where it has none. */
export type FieldOf = (path: readonly string[]) => string | undefined;

/**
 * Reads filters in containerd's language (`pkg/filters`): `<field path>[<operator><value>]`, comma-joined.
 * Throws `invalid_argument` with the index of the offending character in `details.position`.
 */
export function parseFilters(filters: readonly string[]): Filter[] {
  return filters.map((text) => (text === '' ? [] : new FilterParser(text).parse()));
}

/** Whether any of `filters` holds; no filters at all hold for everything. */
export function matchesFilters(filters: readonly Filter[], fieldOf: FieldOf): boolean {
  return (
    filters.length === 0 || filters.some((filter) => filter.every((selector) => holds(selector, fieldOf)))
  );
}

function holds({ path, operator, value, pattern }: Selector, fieldOf: FieldOf): boolean {
  const actual = fieldOf(path);
  if (operator === 'present') return actual !== undefined;
  if (operator === '==') return actual === value;
  return operator === '!=' ? (actual ?? '') !== value : (pattern?.test(actual ?? '') ?? false);
}

class FilterParser {
  readonly #text: string;
  readonly #scanner: FilterScanner;

  constructor(text: string) {
    this.#text = text;
    this.#scanner = new FilterScanner(text);
  }

  parse(): Filter {
    const selectors = [this.#selector()];
    while (this.#scanner.peek() === ',') {
      this.#scanner.scan();
      selectors.push(this.#selector());
    }
    if (this.#scanner.peek() !== '') throw this.#refuse(this.#scanner.position, 'unexpected input');
    return selectors;
  }

  #selector(): Selector {
    const path = this.#fieldPath();
    const next = this.#scanner.peek();
    if (next === '' || next === ',') return { path, operator: 'present', value: '', pattern: undefined };
    const operator = this.#operator();
    const value = this.#value(operator);
    return { path, operator, value, pattern: operator === '~=' ? compileGoRegExp(value) : undefined };
  }

  #fieldPath(): string[] {
    const path = [this.#field()];
    while (this.#scanner.peek() === '.') {
      this.#scanner.scan();
      path.push(this.#field());
    }
    return path;
  }

  #field(): string {
    const token = this.#scanner.scan();
    if (token.kind === 'field') return token.text;
    if (token.kind === 'quoted') return this.#unquote(token, '"');
    throw this.#refuseToken(token, 'expected field or quoted');
  }

  #operator(): '==' | '!=' | '~=' {
    const token = this.#scanner.scan();
    const { kind, text, position } = token;
    if (text === '==' || text === '!=' || text === '~=') return text;
    if (kind === 'operator') throw this.#refuse(position, `unsupported operator ${JSON.stringify(text)}`);
    throw this.#refuseToken(token, 'expected an operator ("==", "!=" or "~=")');
  }

  #value(operator: string): string {
    const token = this.#scanner.scan();
    if (token.kind === 'value') return token.text;
    if (token.kind === 'quoted') return this.#unquote(token, operator === '~=' ? '"/|' : '"');
    throw this.#refuseToken(token, 'expected value or quoted');
  }

  #unquote({ text, position }: Token, quotes: string): string {
    if (!quotes.includes(text.charAt(0))) throw this.#refuse(position, 'invalid quote');
    const value = unquoteGo(text);
    if (value === undefined) throw this.#refuse(position, 'an escape sequence means no character');
    return value;
  }

  #refuseToken({ kind, text, position }: Token, expected: string): CodedError {
    return this.#refuse(position, kind === 'illegal' ? text : expected);
  }

  #refuse(position: number, why: string): CodedError {
    return new CodedError('invalid_argument', `Cannot parse filter ${this.#text}: ${why} at ${position}`, {
      cure: 'Write it as field==value, field!=value, field~=regexp or field; put what is no plain word in double quotes',
      details: { filter: this.#text, position },
    });
  }
}
