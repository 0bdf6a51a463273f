import { CodedError } from '@lade/errors';

/*
 * What a request says, by name: in its body, or in the query of its path. All throw `invalid_argument`.
 */

type Body = Readonly<Record<string, unknown>>;

/** A field that has to be a text, not empty. */
export function textField(body: Body, name: string): string {
  const value = optionalTextField(body, name);
  if (value !== undefined) return value;
  throw new CodedError('invalid_argument', `Cannot read the request: field ${name} is missing`);
}

/** A field that has to be true or false. */
export function flagField(body: Body, name: string): boolean {
  const value = optionalFlag(body, name);
  if (value !== undefined) return value;
  throw new CodedError('invalid_argument', `Cannot read the request: field ${name} is missing`);
}

export function optionalTextField(body: Body, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw wrong(name, 'a text that is not empty');
}

/** Without zeros inside, which no argument of a program can have. */
export function optionalTexts(body: Body, name: string): string[] | undefined {
  const value = body[name];
  if (value === undefined) return undefined;
  const isText = (item: unknown): boolean => typeof item === 'string' && !item.includes('\0');
  if (Array.isArray(value) && value.every(isText)) return value as string[];
  throw wrong(name, 'a list of texts');
}

export function optionalFlag(body: Body, name: string): boolean | undefined {
  const value = body[name];
  if (value === undefined || typeof value === 'boolean') return value;
  throw wrong(name, 'true or false');
}

export function optionalInteger(
  body: Body,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const value = body[name];
  if (value === undefined || (Number.isInteger(value) && Number(value) >= min && Number(value) <= max))
    return value as number | undefined;
  throw wrong(name, `an integer from ${min} to ${max}`);
}

/** The parameters of a query, as a body would have them: digits are numbers, true and false are flags. */
export function queryFields(
  query: URLSearchParams,
  names: { readonly [name: string]: 'text' | 'flag' | 'integer' },
): Body {
  const given = Object.entries(names).flatMap(([name, kind]) => {
    const text = query.get(name);
    return text === null ? [] : [[name, kind === 'text' ? text : parseField(text)]];
  });
  return Object.fromEntries(given) as Body;
}

function parseField(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

function wrong(name: string, wanted: string): CodedError {
  return new CodedError('invalid_argument', `Cannot read the request: ${name} has to be ${wanted}`);
}
