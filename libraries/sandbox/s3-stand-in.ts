import type { IncomingMessage, ServerResponse } from 'node:http';
import { S3Objects, type S3Condition, type S3Object } from './s3-objects.ts';
import {
  finish,
  sendObject,
  sendXml,
  startStandIn,
  textsOf,
  toXml,
  type Exchange,
  type StandIn,
} from './stand-in.ts';

/**
 * Starts an empty store, one bucket, addressed by path, where moto is too slow to be measured against. It keeps its objects
 * in files of `folder`, which is left to the caller, knows what the bucket contract needs (ranges, conditional puts, multipart
 * uploads, list v2, batch deletion), and checks neither signatures nor checksums.
 */
export async function startS3StandIn(folder: string): Promise<StandIn> {
  const objects = new S3Objects(folder);
  return startStandIn(open, async (exchange) => answer(exchange, objects));
}

function open(request: IncomingMessage, response: ServerResponse): Exchange {
  const [path = '', query = ''] = (request.url ?? '/').split('?');
  const [, , ...names] = path.split('/');
  const key = decodeURIComponent(names.join('/'));
  return { request, response, key, query: new URLSearchParams(query), offset: 0, sentBytes: 0 };
}

async function answer(exchange: Exchange, objects: S3Objects): Promise<void> {
  const { request, key, query } = exchange;
  const method = request.method ?? '';
  if (query.has('delete')) return deleteMany(exchange, objects);
  if (key === '') return method === 'GET' ? list(exchange, objects) : finish(exchange, 200);
  if (query.has('uploads') || query.has('uploadId')) return answerUpload(exchange, objects);
  if (method === 'GET' || method === 'HEAD') return read(exchange, objects.get(key));
  if (method === 'PUT')
    return tellPut(exchange, objects, await objects.put(key, request, conditionOf(request)));
  if (method !== 'DELETE') return refuse(exchange, 405, 'MethodNotAllowed');
  await objects.delete(key);
  finish(exchange, 204);
}

async function deleteMany(exchange: Exchange, objects: S3Objects): Promise<void> {
  const xml = (await exchange.request.toArray()).join('');
  for (const key of textsOf(xml, 'Key')) await objects.delete(key);
  sendXml(exchange, 200, 'DeleteResult', '');
}

async function answerUpload(exchange: Exchange, objects: S3Objects): Promise<void> {
  const { request, key, query } = exchange;
  const id = query.get('uploadId') ?? '';
  if (query.has('uploads')) {
    const result = toXml({ UploadId: objects.beginUpload() });
    sendXml(exchange, 200, 'InitiateMultipartUploadResult', result);
  } else if (request.method === 'PUT') {
    await objects.putPart(id, Number(query.get('partNumber')), request);
    finish(exchange, 200, { etag: '"part"' });
  } else if (request.method === 'POST') {
    request.resume();
    const object = await objects.completeUpload(id, key, conditionOf(request));
    if (!object) return tellPut(exchange, objects, object);
    sendXml(exchange, 200, 'CompleteMultipartUploadResult', toXml({ ETag: object.etag }));
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
  if (!object) return refuse(exchange, 404, 'NoSuchKey');
  if (!(await sendObject(exchange, object))) refuse(exchange, 416, 'InvalidRange');
}

const PAGE_KEYS = 1000;

function list(exchange: Exchange, objects: S3Objects): void {
  const { query } = exchange;
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const page = objects.list(query.get('prefix') ?? '', after, PAGE_KEYS + 1);
  const isTruncated = page.length > PAGE_KEYS;
  const contents = page.slice(0, PAGE_KEYS).map(describeObject);
  const next = isTruncated ? toXml({ NextContinuationToken: page[PAGE_KEYS - 1]?.key ?? '' }) : '';
  const result = `<IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}`;
  sendXml(exchange, 200, 'ListBucketResult', result);
}

function describeObject({ key, sizeBytes, etag, modified }: S3Object): string {
  const fields = { Key: key, Size: String(sizeBytes), ETag: etag, LastModified: modified.toISOString() };
  return `<Contents>${toXml(fields)}</Contents>`;
}

function refuse(exchange: Exchange, status: number, code: string): void {
  exchange.request.resume();
  sendXml(exchange, status, 'Error', toXml({ Code: code }));
}
