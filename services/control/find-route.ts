import { CodedError } from '@lade/errors';
import { RequestRefusal } from './request-refusal.ts';
import type { Route } from './route.ts';

interface FoundRoute {
  readonly route: Route;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Throws a refusal with 404 for an unknown path, with 405 for a method that its path does not have. Paths are taken as they are
 * written: nothing is joined, merged or resolved.
 */
export function findRoute(routes: readonly Route[], method: string, path: string): FoundRoute {
  const segments = path.split('/');
  const matching = routes.flatMap((route) => {
    const parameters = matchPath(route.path, segments);
    return parameters ? [{ route, parameters }] : [];
  });
  if (matching.length === 0)
    throw new RequestRefusal(404, 'not_found', `Cannot find ${path}: this API has no such path`);
  const verb = method === 'HEAD' ? 'GET' : method;
  const found = matching.find(({ route }) => route.method === verb);
  if (found) return { ...found, parameters: decodeParameters(found.parameters) };
  const allow = matching.map(({ route }) => route.method).join(', ');
  throw new RequestRefusal(405, 'unimplemented', `Cannot ${method} ${path}: it has only ${allow}`, {
    headers: { allow },
  });
}

/** The raw parameters of a path that fits. */
function matchPath(template: string, segments: readonly string[]): Record<string, string> | undefined {
  const wanted = template.split('/');
  if (wanted.length !== segments.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const segment = segments[i] ?? '';
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name === undefined ? part !== segment : segment === '') return undefined;
    if (name !== undefined) parameters[name] = segment;
  }
  return parameters;
}

/** A parameter is one name: never a path, never a part of one. */
function decodeParameters(raw: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(raw).map(([name, text]) => [name, decodeName(name, text)]));
}

function decodeName(name: string, text: string): string {
  let value = '';
  try {
    value = decodeURIComponent(text);
  } catch {
    // What cannot be decoded is no name.
  }
  if (value !== '' && value !== '.' && value !== '..' && !/[/\\\p{Cc}]/u.test(value)) return value;
  throw new CodedError('invalid_argument', `Cannot read the request: ${text} in its path is no ${name}`);
}
