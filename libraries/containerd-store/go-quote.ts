const PIECE = /\\(x..|u.{4}|U.{8}|[0-7]{3}|.)|[^\\]+/gsu;

const CONTROL: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/**
 * The string that a Go literal stands for: `quoted` with its quotes, whose escapes the scanner has found well-formed.
 * `undefined` for one that means no character (`\400`, `\U00110000`).
 */
export function unquoteGo(quoted: string): string | undefined {
  const bytes: Buffer[] = [];
  for (const [text, escape] of quoted.slice(1, -1).matchAll(PIECE)) {
    const piece = escape === undefined ? Buffer.from(text) : decodeEscape(escape);
    if (piece === undefined) return undefined;
    bytes.push(piece);
  }
  return Buffer.concat(bytes).toString();
}

function decodeEscape(escape: string): Buffer | undefined {
  if (escape.length === 1) return Buffer.from(CONTROL[escape] ?? escape);
  const kind = escape.charAt(0);
  if (kind === 'u' || kind === 'U') {
    const code = Number.parseInt(escape.slice(1), 16);
    return code > 0x10ffff ? undefined : Buffer.from(String.fromCodePoint(code));
  }
  const byte = kind === 'x' ? Number.parseInt(escape.slice(1), 16) : Number.parseInt(escape, 8);
  return byte > 0xff ? undefined : Buffer.from([byte]);
}
