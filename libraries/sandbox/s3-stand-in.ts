import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { parseRange } from './parse-range.ts';
import { S3Objects, type S3Condition, type S3Object } from './s3-objects.ts';

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

/** A server that stands in for S3 where moto is too slow to be measured against: one bucket, addressed by path. */
export interface S3StandIn extends AsyncDisposable {
  /** As "127.0.0.1:35001". */
  readonly address: string;
  /** Everything answered so far, in order of completion. */
  requests(): readonly StandInRequest[];
}

/**
 * Starts an empty store that keeps its objects in files of `folder`, which is left to the caller. It knows what the bucket
 * contract needs (ranges, conditional puts, multipart uploads, list v2), and checks neither signatures nor checksums.
 */
export async function startS3StandIn(folder: string): Promise<S3StandIn> {
  const objects = new S3Objects(folder);
  const log: StandInRequest[] = [];
  const server = createServer((request, response) => {
    const exchange = open(request, response);
    answer(exchange, objects)
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

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly key: string;
  readonly query: URLSearchParams;
  offset: number;
  sentBytes: number;
}

function open(request: IncomingMessage, response: ServerResponse): Exchange {
  const [path = '', query = ''] = (request.url ?? '/').split('?');
  const [, , ...names] = path.split('/');
  const key = decodeURIComponent(names.join('/'));
  return { request, response, key, query: new URLSearchParams(query), offset: 0, sentBytes: 0 };
}

function describe({ request, response, key, offset, sentBytes }: Exchange): StandInRequest {
  return { method: request.method ?? '', key, status: response.statusCode, offset, bytes: sentBytes };
}

async function answer(exchange: Exchange, objects: S3Objects): Promise<void> {
  const { request, key, query } = exchange;
  const method = request.method ?? '';
  if (key === '') return method === 'GET' ? list(exchange, objects) : finish(exchange, 200);
  if (query.has('uploads') || query.has('uploadId')) return answerUpload(exchange, objects);
  if (method === 'GET' || method === 'HEAD') return read(exchange, objects.get(key));
  if (method === 'PUT')
    return tellPut(exchange, objects, await objects.put(key, request, conditionOf(request)));
  if (method !== 'DELETE') return refuse(exchange, 405, 'MethodNotAllowed');
  await objects.delete(key);
  finish(exchange, 204);
}

async function answerUpload(exchange: Exchange, objects: S3Objects): Promise<void> {
  const { request, key, query } = exchange;
  const id = query.get('uploadId') ?? '';
  if (query.has('uploads')) {
    const result = `<UploadId>${objects.beginUpload()}</UploadId>`;
    sendXml(exchange, 200, 'InitiateMultipartUploadResult', result);
  } else if (request.method === 'PUT') {
    await objects.putPart(id, Number(query.get('partNumber')), request);
    finish(exchange, 200, { etag: '"part"' });
  } else if (request.method === 'POST') {
    request.resume();
    const object = await objects.completeUpload(id, key, conditionOf(request));
    if (!object) return tellPut(exchange, objects, object);
    sendXml(exchange, 200, 'CompleteMultipartUploadResult', `<ETag>${escapeXml(object.etag)}</ETag>`);
  } else {
    await objects.abortUpload(id);
    finish(exchange, 204);
  }
}

function conditionOf({ headers }: IncomingMessage): S3Condition {
  return { ifNoneMatch: headers['if-none-match'], ifMatch: headers['if-match'] };
}

/** S3 says "no such key" where the object that should match is gone. */
function tellPut(exchange: Exchange, objects: S3Objects, object: S3Object | undefined): void {
  if (object) finish(exchange, 200, { etag: object.etag });
  else if (objects.get(exchange.key)) refuse(exchange, 412, 'PreconditionFailed');
  else refuse(exchange, 404, 'NoSuchKey');
}

async function read(exchange: Exchange, object: S3Object | undefined): Promise<void> {
  const { request, response } = exchange;
  if (!object) return refuse(exchange, 404, 'NoSuchKey');
  const { sizeBytes, etag, file, modified } = object;
  const range = parseRange(request.headers.range, sizeBytes);
  if (range === 'unsatisfiable') return refuse(exchange, 416, 'InvalidRange');
  const { start, end } = range ?? { start: 0, end: sizeBytes - 1 };
  exchange.offset = start;
  response.writeHead(range ? 206 : 200, {
    'content-length': end - start + 1,
    'last-modified': modified.toUTCString(),
    etag,
    ...(range ? { 'content-range': `bytes ${start}-${end}/${sizeBytes}` } : {}),
  });
  if (request.method === 'HEAD' || sizeBytes === 0) return void response.end();
  const bytes = createReadStream(file, { start, end, highWaterMark: 256 * 1024 });
  bytes.on('data', (chunk) => {
    exchange.sentBytes += chunk.length;
  });
  await pipeline(bytes, response);
}

const PAGE_KEYS = 1000;

function list(exchange: Exchange, objects: S3Objects): void {
  const { query } = exchange;
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const page = objects.list(query.get('prefix') ?? '', after, PAGE_KEYS + 1);
  const isTruncated = page.length > PAGE_KEYS;
  const contents = page.slice(0, PAGE_KEYS).map(describeObject);
  const next = isTruncated
    ? `<NextContinuationToken>${escapeXml(page[PAGE_KEYS - 1]?.key ?? '')}</NextContinuationToken>`
    : '';
  const result = `<IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}`;
  sendXml(exchange, 200, 'ListBucketResult', result);
}

function describeObject({ key, sizeBytes, etag, modified }: S3Object): string {
  const fields = { Key: key, Size: String(sizeBytes), ETag: etag, LastModified: modified.toISOString() };
  const elements = Object.entries(fields).map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`);
  return `<Contents>${elements.join('')}</Contents>`;
}

function refuse(exchange: Exchange, status: number, code: string): void {
  exchange.request.resume();
  sendXml(exchange, status, 'Error', `<Code>${code}</Code>`);
}

function sendXml(exchange: Exchange, status: number, name: string, content: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${name}>${content}</${name}>`;
  exchange.sentBytes = Buffer.byteLength(body);
  exchange.response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
}

function finish(
  { response }: Exchange,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, headers).end();
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function escapeXml(text: string): string {
  return text.replaceAll(/[&<>]/g, (character) => ENTITIES[character] ?? '');
}
