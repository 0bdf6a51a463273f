/** Thrown inside this file for what Go's regexp package refuses. */
class Refused extends Error {}

type Flag = 'i' | 'm' | 's' | 'U';

/** Go's \s has neither \v nor what Unicode calls a space. */
const PERL: Readonly<Record<string, string>> = {
  d: '0-9',
  s: '\\t\\n\\f\\r\\u{20}',
  w: '0-9A-Za-z_',
};

const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7f',
  blank: '\\t\\u{20}',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '\\x21-\\x7e',
  lower: 'a-z',
  print: '\\x20-\\x7e',
  punct: '\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e',
  space: '\\t-\\r\\u{20}',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

const CONTROL: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const REPEAT = /[*+?]|\{(0|[1-9]\d*)(,(0|[1-9]\d*)?)?\}/y;
const MAX_REPEAT = 1000;
const MAX_DEPTH = 1000;

/** `pattern` of Go's regexp package (RE2 syntax) as a RegExp that finds the same; undefined when Go refuses it. */
export function compileGoRegExp(pattern: string): RegExp | undefined {
  try {
    return new RegExp(new Translator(pattern).translate(), 'v');
  } catch (reason) {
    if (reason instanceof Refused || reason instanceof SyntaxError) return undefined;
    throw reason;
  }
}

/** Everything but `i` is resolved here, so that the dot, anchors and classes mean in JavaScript what they mean in Go. */
class Translator {
  readonly #source: string;
  #at = 0;
  #depth = 0;
  #flags: ReadonlySet<Flag> = new Set();

  constructor(source: string) {
    this.#source = source;
  }

  translate(): string {
    const translated = this.#alternatives();
    if (this.#at < this.#source.length) throw new Refused('unexpected )');
    return translated;
  }

  /** A flag directive holds to the end of its group, across `|`: its wrapper is closed and opened again there. */
  #alternatives(): string {
    if (this.#depth++ > MAX_DEPTH) throw new Refused('nested too deep');
    const outer = this.#flags;
    let translated = '';
    let wrappers = 0;
    while (this.#at < this.#source.length && this.#source[this.#at] !== ')') {
      if (this.#take(/\|/y)) {
        translated += `${')'.repeat(wrappers)}|${this.#caseGroup()}`;
        wrappers = 1;
        continue;
      }
      const directive = this.#take(/\(\?([imsU]+)?(-[imsU]+)?\)/y);
      if (directive) {
        this.#setFlags(directive);
        translated += this.#caseGroup();
        wrappers++;
      } else translated += this.#repeated(this.#atom());
    }
    this.#flags = outer;
    this.#depth--;
    return translated + ')'.repeat(wrappers);
  }

  #repeated(atom: string): string {
    const operator = this.#take(REPEAT);
    if (!operator) return atom;
    const [text, least, , most] = operator;
    const [from, to] = [Number(least ?? 0), Number(most ?? least ?? 0)];
    if (from > MAX_REPEAT || to > MAX_REPEAT || to < from) throw new Refused('bad repeat count');
    const lazy = (this.#take(/\?/y) !== undefined) !== this.#flags.has('U');
    if (this.#take(REPEAT)) throw new Refused('nested repetition');
    return `${atom}${text}${lazy ? '?' : ''}`;
  }

  #atom(): string {
    if (this.#take(/\(/y)) return this.#group();
    if (this.#take(/\[/y)) return this.#characterClass();
    if (this.#take(/\./y)) return this.#flags.has('s') ? '[\\s\\S]' : '[^\\n]';
    if (this.#take(/\^/y)) return this.#flags.has('m') ? '(?:(?<![^\\n]))' : '(?:^)';
    if (this.#take(/\$/y)) return this.#flags.has('m') ? '(?:(?![^\\n]))' : '(?:$)';
    if (this.#take(/\\Q/y)) return this.#literalRun();
    const assertion = this.#take(/\\([AzbB])/y)?.[1];
    if (assertion) return { A: '(?:^)', z: '(?:$)' }[assertion] ?? `(?:\\${assertion})`;
    if (this.#take(REPEAT)) throw new Refused('nothing to repeat');
    return this.#shorthand() ?? codePoint(this.#character());
  }

  #group(): string {
    const outer = this.#flags;
    const flags = this.#take(/\?([imsU]*)(-[imsU]+)?:/y);
    if (flags) this.#setFlags(flags);
    else if (!this.#take(/\?P?<\w+>/y) && this.#source[this.#at] === '?') throw new Refused('unknown group');
    const open = this.#caseGroup();
    const body = this.#alternatives();
    if (!this.#take(/\)/y)) throw new Refused('missing )');
    this.#flags = outer;
    return `${open}${body})`;
  }

  #characterClass(): string {
    let translated = this.#take(/\^/y) ? '[^' : '[';
    for (let first = true; first || !this.#take(/\]/y); first = false) translated += this.#classItem();
    return `${translated}]`;
  }

  #classItem(): string {
    const posix = this.#take(/\[:(\^?)(\w+):\]/y);
    if (posix) {
      const members = POSIX[posix[2] ?? ''];
      if (members === undefined) throw new Refused('unknown class');
      return `[${posix[1]}${members}]`;
    }
    const shorthand = this.#shorthand();
    if (shorthand) return shorthand;
    const low = this.#character();
    if (!this.#take(/-(?!\])/y)) return codePoint(low);
    const high = this.#character();
    if (high < low) throw new Refused('bad range');
    return `${codePoint(low)}-${codePoint(high)}`;
  }

  /** A backslash and a letter that stand for a class. */
  #shorthand(): string | undefined {
    const perl = this.#take(/\\([dswDSW])/y)?.[1];
    if (perl) return `[${perl === perl.toLowerCase() ? '' : '^'}${PERL[perl.toLowerCase()]}]`;
    const property = this.#take(/\\([pP])(?:([A-Z])|\{(\^?)(\w+)\})/y);
    if (!property) return undefined;
    const [, letter, short, negation, long] = property;
    const name = short ?? long ?? '';
    const negated = (letter === 'P') !== (negation === '^');
    return `\\${negated ? 'P' : 'p'}{${name.length > 2 && name !== 'Any' ? `Script=${name}` : name}}`;
  }

  /** One character, escaped or not, as its code point. */
  #character(): number {
    const [text, escape] =
      this.#take(/\\(x\{[0-9A-Fa-f]+\}|x[0-9A-Fa-f]{2}|0[0-7]{0,2}|[1-7][0-7]{1,2}|.)|[^\\]/suy) ?? [];
    if (text === undefined) throw new Refused('unexpected end');
    if (escape === undefined) return text.codePointAt(0) ?? 0;
    if (escape.length > 1 && escape.startsWith('x')) return Number.parseInt(escape.replace(/[x{}]/g, ''), 16);
    if (/^[0-7]{2}|^0/.test(escape)) return Number.parseInt(escape, 8);
    const control = CONTROL[escape];
    if (control !== undefined) return control;
    if (/^[0-9A-Za-z]|^\P{ASCII}/u.test(escape)) throw new Refused('unknown escape');
    return escape.codePointAt(0) ?? 0;
  }

  #literalRun(): string {
    const literal = this.#take(/(.*?)(?:\\E|$)/sy)?.[1] ?? '';
    return Array.from(literal, (character) => codePoint(character.codePointAt(0) ?? 0)).join('');
  }

  #caseGroup(): string {
    return this.#flags.has('i') ? '(?i:' : '(?-i:';
  }

  #setFlags([, on = '', off = '']: RegExpExecArray): void {
    const flags = new Set(this.#flags);
    for (const flag of on) flags.add(flag as Flag);
    for (const flag of off.slice(1)) flags.delete(flag as Flag);
    this.#flags = flags;
  }

  #take(wanted: RegExp): RegExpExecArray | undefined {
    wanted.lastIndex = this.#at;
    const match = wanted.exec(this.#source) ?? undefined;
    if (match) this.#at += match[0].length;
    return match;
  }
}

function codePoint(code: number): string {
  return `\\u{${code.toString(16)}}`;
}
