import type { IncomingMessage, ServerResponse } from 'node:http';
import { S3Objects, type S3Condition, type S3Object } from './s3-objects.ts';
import { S3Uploads, type S3Upload } from './s3-uploads.ts';
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
import { describeParts, describeUploads } from './upload-lists.ts';

/** An S3StandIn also tells which multipart uploads are neither completed nor aborted. */
export interface S3StandIn extends StandIn {
  uploads(): readonly S3Upload[];
}

/**
 * Starts an empty store, one bucket, addressed by path, where moto is too slow to be measured against. It keeps its objects
 * in files of `folder`, which is left to the caller, knows what the bucket contract needs (ranges, conditional puts, multipart
 * uploads, list v2, batch deletion), and checks neither signatures nor checksums.
 */
export async function startS3StandIn(folder: string): Promise<S3StandIn> {
  const objects = new S3Objects(folder);
  const uploads = new S3Uploads(objects);
  const standIn = await startStandIn(open, async (exchange) => answer(exchange, objects, uploads));
  return { ...standIn, uploads: () => uploads.list('') };
}

function open(request: IncomingMessage, response: ServerResponse): Exchange {
  const [path = '', query = ''] = (request.url ?? '/').split('?');
  const [, , ...names] = path.split('/');
  const key = decodeURIComponent(names.join('/'));
  return { request, response, key, query: new URLSearchParams(query), offset: 0, sentBytes: 0 };
}

async function answer(exchange: Exchange, objects: S3Objects, uploads: S3Uploads): Promise<void> {
  const { request, key, query } = exchange;
  const method = request.method ?? '';
  if (query.has('delete')) return deleteMany(exchange, objects);
  if (key === '' && method === 'GET' && query.has('uploads'))
    return sendXml(exchange, 200, 'ListMultipartUploadsResult', describeUploads(uploads, query));
  if (key === '') return method === 'GET' ? list(exchange, objects) : finish(exchange, 200);
  if (query.has('uploads') || query.has('uploadId')) return answerUpload(exchange, objects, uploads);
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

async function answerUpload(exchange: Exchange, objects: S3Objects, uploads: S3Uploads): Promise<void> {
  const { request, key, query } = exchange;
  if (query.has('uploads')) {
    const result = toXml({ UploadId: uploads.begin(key) });
    return sendXml(exchange, 200, 'InitiateMultipartUploadResult', result);
  }
  const id = query.get('uploadId') ?? '';
  const upload = uploads.get(id);
  if (!upload) return refuse(exchange, 404, 'NoSuchUpload');
  if (request.method === 'GET')
    return sendXml(exchange, 200, 'ListPartsResult', describeParts(upload, query));
  if (request.method === 'PUT') {
    const etag = await uploads.putPart(id, Number(query.get('partNumber')), request);
    return etag === undefined ? refuse(exchange, 404, 'NoSuchUpload') : finish(exchange, 200, { etag });
  }
  if (request.method === 'POST') return complete(exchange, id, objects, uploads);
  await uploads.abort(id);
  finish(exchange, 204);
}

async function complete(
  exchange: Exchange,
  id: string,
  objects: S3Objects,
  uploads: S3Uploads,
): Promise<void> {
  const xml = (await exchange.request.toArray()).join('');
  const listed = [...xml.matchAll(/<Part>.*?<\/Part>/gs)].map(([part]) => ({
    number: Number(/<PartNumber>(\d+)/.exec(part)?.[1]),
    etag: /[\da-f]{32}/.exec(part)?.[0] ?? '',
  }));
  if (!uploads.isWhole(id, listed)) return refuse(exchange, 400, 'InvalidPart');
  const object = await uploads.complete(id, conditionOf(exchange.request));
  if (!object) return tellPut(exchange, objects, object);
  sendXml(exchange, 200, 'CompleteMultipartUploadResult', toXml({ ETag: object.etag }));
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
