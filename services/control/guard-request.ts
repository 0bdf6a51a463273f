import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { RequestRefusal } from './request-refusal.ts';
import type { Route } from './route.ts';

const LOOPBACK_NAMES = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i;
/** No page can send these to another site without asking it first, and this one says no. */
const BODY_TYPES = /^application\/(?:json|octet-stream)(?:;|$)/i;

/** What a client has to have that comes over TCP. */
export interface Token {
  readonly value: string;
  /** Where people find it; never the token itself. */
  readonly file: string;
}

/** How requests come in, and so what is asked of them. */
export type Transport =
  | { readonly kind: 'unix' }
  | { readonly kind: 'loopback' | 'network'; readonly token: Token };

/**
 * Keeps web pages out. On loopback a foreign Host header means a name that was rebound to this address; a foreign Origin
 * header means a page of another site, and so does what browsers tell of where a request comes from. Throws a RequestRefusal.
 */
export function guardSite({ headers, method }: IncomingMessage, { kind }: Transport): void {
  const { host = '', origin } = headers;
  if (kind === 'loopback' && !LOOPBACK_NAMES.test(host)) {
    throw new RequestRefusal(
      403,
      'permission_denied',
      `Cannot serve host ${host}: this API is for this machine only`,
      { cure: 'Use http://localhost with the port of the API' },
    );
  }
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new RequestRefusal(403, 'permission_denied', `Cannot serve origin ${origin}: it is another site`);
  }
  if (isEmbedded(headers))
    throw new RequestRefusal(403, 'permission_denied', 'Cannot serve a page of another site');
  if (kind !== 'unix' && method === 'POST' && !BODY_TYPES.test(headers['content-type'] ?? '')) {
    throw new RequestRefusal(
      415,
      'invalid_argument',
      'Cannot read the request: its body is not said to be JSON',
      {
        cure: 'Send the header Content-Type: application/json',
      },
    );
  }
}

/**
 * An image or a frame in a page of another site: it has no Origin and cannot see the answer, but makes the daemon list its bucket, which
 * costs money. Who follows a link is no page.
 */
function isEmbedded(headers: IncomingMessage['headers']): boolean {
  const [site, mode, into] = ['site', 'mode', 'dest'].map((name) => headers[`sec-fetch-${name}`]);
  const isLink = mode === 'navigate' && into === 'document';
  return (site === 'cross-site' || site === 'same-site') && !isLink;
}

/** Lets in whoever may call this route. Throws a RequestRefusal. */
export function guardRoute({ headers }: IncomingMessage, transport: Transport, { access }: Route): void {
  if (transport.kind === 'unix' || (transport.kind === 'loopback' && access === 'open')) return;
  const { value, file } = transport.token;
  const [, sent] = /^Bearer ([\w.~+/=-]+)$/i.exec(headers.authorization ?? '') ?? [];
  if (sent !== undefined && isSame(sent, value)) return;
  const state = sent === undefined ? 'it has no token' : 'its token is not this daemon’s';
  throw new RequestRefusal(401, 'unauthenticated', `Cannot serve the request: ${state}`, {
    cure: `Send the header Authorization: Bearer TOKEN; the token is in ${file} on the daemon’s machine`,
    headers: { 'www-authenticate': 'Bearer realm="lade"' },
  });
}

/** In the same time whatever they are, their lengths included. */
function isSame(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}
