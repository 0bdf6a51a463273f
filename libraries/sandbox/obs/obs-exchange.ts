import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { finish, sendXml, toXml, type Exchange } from '../stand-in.ts';
import { REFUSALS, type Refusal } from './refusal.ts';
import type { Dialect } from './signature.ts';

/** A request to OBS, and how it is answered. */
export interface ObsExchange extends Exchange {
  readonly bucket: string;
  /** As signed: "/bucket/key", or with the host's name for the bucket's where that is a domain of one's own. */
  readonly resource: string;
  readonly path: string;
  readonly rawQuery: string;
  dialect: Dialect;
}

/** Finds bucket and key: in the host's name below localhost, by a domain of the bucket's own, or in the path. */
export function openObsExchange(
  request: IncomingMessage,
  response: ServerResponse,
  { bucket, domain }: { readonly bucket: string; readonly domain?: string },
): ObsExchange {
  const [path = '', rawQuery = ''] = (request.url ?? '/').split('?');
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  const [, first = '', rest = ''] = /^\/([^/]*)\/?(.*)$/.exec(path) ?? [];
  const hosted = host === domain ? bucket : /^(.+)\.localhost$/.exec(host)?.[1];
  return {
    request,
    response,
    bucket: hosted ?? first,
    key: decodeURIComponent(hosted === undefined ? rest : path.slice(1)),
    resource: hosted === undefined ? path : `/${host === domain ? host : hosted}${path}`,
    path,
    rawQuery,
    query: new URLSearchParams(rawQuery),
    dialect: request.headers.authorization?.startsWith('OBS') === false ? 's3' : 'obs',
    offset: 0,
    sentBytes: 0,
  };
}

/** What the dialect puts before the names of its headers. */
export function prefixOf({ dialect }: ObsExchange): string {
  return dialect === 'obs' ? 'x-obs-' : 'x-amz-';
}

export function refuse(exchange: ObsExchange, { status, code, message }: Refusal): void {
  const { request, response, resource } = exchange;
  request.resume();
  response.setHeader(`${prefixOf(exchange)}request-id`, REQUEST_ID);
  response.setHeader(`${prefixOf(exchange)}error-code`, code);
  response.setHeader(`${prefixOf(exchange)}error-message`, message);
  if (request.method === 'HEAD') return finish(exchange, status);
  const fields = { Code: code, Message: message, Resource: resource, RequestId: REQUEST_ID, HostId: 'host' };
  sendXml(exchange, status, 'Error', toXml(fields));
}

const REQUEST_ID = '0000018F0000000000000000000000AA';

/** Thrown by a body that is not what its Content-MD5 says. */
class DigestMismatch extends Error {}

/** Stores the body of a request, of which `consume` gets its bytes and `md5` is told; refuses it where they differ. */
export async function receive<T>(
  exchange: ObsExchange,
  consume: (body: Readable) => Promise<T>,
): Promise<{ readonly result: T; readonly md5: string } | undefined> {
  const { request } = exchange;
  const hash = createHash('md5');
  const promised = request.headers['content-md5'];
  let md5 = '';
  const body = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk);
      yield chunk;
    }
    const digest = hash.digest();
    md5 = digest.toString('hex');
    if (promised !== undefined && promised !== digest.toString('base64')) throw new DigestMismatch();
  };
  try {
    return { result: await consume(Readable.from(body())), md5 };
  } catch (reason) {
    if (!(reason instanceof DigestMismatch)) throw reason;
    refuse(exchange, REFUSALS.badDigest);
    return undefined;
  }
}
