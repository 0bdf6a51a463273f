import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';

/**
 * Inline styles alone are let in: the terminal makes style sheets for its rows. Scripts come from files of this folder only, and
 * nothing talks to another host.
 */
const HEADERS = {
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Lade</title>
<h1>The console is not built</h1>
<p>Build it with <code>node apps/console/build.ts</code> in the folder of Lade, and load this page again.
The API is here all the same: <a href="/v1/status">/v1/status</a>.</p></html>
`;

/** Whether a request is for a file of the console, and not for the API. */
export function isFileRequest({ method, url = '' }: IncomingMessage): boolean {
  return (method === 'GET' || method === 'HEAD') && /^\/(?:$|\?|assets\/)/.test(url);
}

/**
 * Answers a request for a file of a built console. Only names that `files.json` of the folder lists are ever joined to a path; it is
 * read each time, so that a console that is built anew is served at once.
 */
export async function answerFile(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
): Promise<void> {
  const names = await readNames(folder);
  if (names === undefined)
    return write(response, 503, Buffer.from(NOT_BUILT), { 'content-type': TYPES['.html'] });
  const path = (request.url ?? '').split('?', 1)[0]?.slice(1);
  const name = names.find((known) => known === (path === '' ? 'index.html' : path));
  if (name === undefined) return writeMissing(response);
  const found = await readBest(join(folder, name), request.headers['accept-encoding']);
  if (found === undefined) return writeMissing(response);
  const { body, encoding } = found;
  // All names but that of the page itself have the hash of the content in them.
  const caching = name === 'index.html' ? 'no-cache' : 'public, max-age=31536000, immutable';
  write(response, 200, body, {
    'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
    'cache-control': caching,
    vary: 'accept-encoding',
    ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
  });
}

async function readNames(folder: string): Promise<readonly string[] | undefined> {
  const read = async (): Promise<string[]> =>
    JSON.parse(await readFile(join(folder, 'files.json'), 'utf8')) as string[];
  return read().catch(() => undefined);
}

interface Body {
  readonly body: Uint8Array;
  readonly encoding?: string;
}

/** Undefined for a file that has gone since its name was read. */
async function readBest(file: string, accepted = ''): Promise<Body | undefined> {
  const wanted = accepted.split(',').map((item) => item.trim().toLowerCase());
  for (const [encoding, suffix] of ENCODINGS) {
    if (!wanted.includes(encoding)) continue;
    const body = await readFile(`${file}${suffix}`).catch(() => undefined);
    if (body) return { body, encoding };
  }
  const body = await readFile(file).catch(() => undefined);
  return body && { body };
}

function writeMissing(response: ServerResponse): void {
  write(response, 404, Buffer.from('No such file\n'), { 'content-type': 'text/plain' });
}

function write(
  response: ServerResponse,
  status: number,
  body: Uint8Array,
  headers: Readonly<Record<string, string | undefined>>,
): void {
  const general = { ...HEADERS, 'cache-control': 'no-store', 'content-length': body.byteLength };
  response.writeHead(status, { ...general, ...headers });
  response.end(body);
}
