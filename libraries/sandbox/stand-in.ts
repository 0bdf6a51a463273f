import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { parseRange } from './parse-range.ts';
import { readBytes, type S3Object } from './s3-objects.ts';

/** One request that a stand-in answered. */
export interface StandInRequest {
  readonly method: string;
  /** Of the object; '' when the bucket was asked. */
  readonly key: string;
  readonly status: number;
  /** Where in the object the answer's body begins. */
  readonly offset: number;
  /** Bytes of the answer's body that were sent. */
  readonly bytes: number;
}

/** A server that stands in for an object store of some dialect. */
export interface StandIn extends AsyncDisposable {
  /** As "127.0.0.1:35001". */
  readonly address: string;
  /** Everything answered so far, in order of completion. */
  requests(): readonly StandInRequest[];
}

/** A request on its way to an answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly key: string;
  readonly query: URLSearchParams;
  offset: number;
  sentBytes: number;
}

type Headers = Readonly<Record<string, string>>;

/** Serves on a free loopback port; `open` finds out what a request is about. */
export async function startStandIn<E extends Exchange>(
  open: (request: IncomingMessage, response: ServerResponse) => E,
  answer: (exchange: E) => Promise<void>,
): Promise<StandIn> {
  const log: StandInRequest[] = [];
  const server = createServer((request, response) => {
    const exchange = open(request, response);
    answer(exchange)
      .catch(() => response.destroy())
      .finally(() => log.push(describe(exchange)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => log,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      const closed = server[Symbol.asyncDispose]();
      // Afterwards, when no new one can come.
      server.closeAllConnections();
      await closed;
    },
  };
}

function describe({ request, response, key, offset, sentBytes }: Exchange): StandInRequest {
  return { method: request.method ?? '', key, status: response.statusCode, offset, bytes: sentBytes };
}

/** Answers GET or HEAD with an object, or the range of it that was asked for; false where that lies outside. */
export async function sendObject(
  exchange: Exchange,
  object: S3Object,
  headers: Headers = {},
): Promise<boolean> {
  const { request, response } = exchange;
  const { sizeBytes, etag, modified } = object;
  const range = parseRange(request.headers.range, sizeBytes);
  if (range === 'unsatisfiable') return false;
  const { start, end } = range ?? { start: 0, end: sizeBytes - 1 };
  exchange.offset = start;
  response.writeHead(range ? 206 : 200, {
    'content-length': end - start + 1,
    'last-modified': modified.toUTCString(),
    etag,
    ...(range ? { 'content-range': `bytes ${start}-${end}/${sizeBytes}` } : {}),
    ...headers,
  });
  if (request.method === 'HEAD' || sizeBytes === 0) {
    response.end();
    return true;
  }
  const bytes = readBytes(object, start, end);
  bytes.on('data', (chunk: Buffer) => {
    exchange.sentBytes += chunk.length;
  });
  await pipeline(bytes, response);
  return true;
}

export function sendXml(exchange: Exchange, status: number, name: string, content: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${name}>${content}</${name}>`;
  exchange.sentBytes = Buffer.byteLength(body);
  exchange.response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
}

export function finish({ response }: Exchange, status: number, headers: Headers = {}): void {
  response.writeHead(status, headers).end();
}

/** Elements of those names and texts. */
export function toXml(fields: Headers): string {
  return Object.entries(fields)
    .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
    .join('');
}

const ENTITIES: Headers = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}

/** The text of every element of that name, in order. */
export function textsOf(xml: string, name: string): string[] {
  const unescaped = (text: string): string =>
    text.replaceAll(/&(lt|gt|quot|apos|amp);/g, (_, entity: string) => CHARACTERS[entity] ?? '');
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text = '']) =>
    unescaped(text),
  );
}

const CHARACTERS: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
