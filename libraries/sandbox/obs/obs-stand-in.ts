import { S3Objects, type S3Object } from '../s3-objects.ts';
import { S3Uploads, type S3Upload } from '../s3-uploads.ts';
import { finish, sendObject, sendXml, startStandIn, textsOf, toXml, type StandIn } from '../stand-in.ts';
import { describeUploads } from '../upload-lists.ts';
import type { Keys } from './key.ts';
import { actionOf, type ObsAction } from './obs-action.ts';
import { openObsExchange, prefixOf, receive, refuse, type ObsExchange } from './obs-exchange.ts';
import { answerUpload, beginUpload } from './obs-uploads.ts';
import { REFUSALS, type RefusalName } from './refusal.ts';
import { checkSignature } from './signature.ts';

type Headers = Readonly<Record<string, string>>;

export interface ObsStandInOptions {
  /** Takes the objects; left to the caller. */
  readonly folder: string;
  readonly bucket: string;
  /** A domain of the bucket's own. */
  readonly domain?: string;
  /** The one key; or else there are `keys`. */
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  /** The keys there are now. */
  readonly keys?: () => Keys;
  /** Whether it is denied now. */
  readonly forbids?: (action: ObsAction) => boolean;
  /** The clock of the store. */
  readonly now?: () => Date;
  /** Refuses what is signed rightly; default: nothing. */
  readonly refuses?: (method: string) => RefusalName | undefined;
  /** Whether x-obs-forbid-overwrite is obeyed. Default: as in OBS. */
  readonly forbidsOverwrite?: boolean;
}

export interface ObsStandIn extends StandIn {
  /** Which multipart uploads are neither completed nor aborted. */
  uploads(): readonly S3Upload[];
  /** The headers that said how an object is to be kept, when it was put. */
  kept(key: string): Headers;
}

interface Store {
  readonly options: ObsStandInOptions;
  readonly objects: S3Objects;
  readonly uploads: S3Uploads;
  /** What was said when an upload began, by its id. */
  readonly begun: Map<string, Headers>;
  /** What was said of objects when they were put. */
  readonly kept: WeakMap<S3Object, Headers>;
}

const MAX_KEYS = 1000;
const MAX_KEY_BYTES = 1024;
const KEPT_HEADERS = /^x-(?:obs|amz)-(?:storage-class|server-side-encryption.*)$/;

/**
 * Starts a store with one empty bucket that speaks as the API reference of Huawei Cloud's OBS says: bucket in the host's name
 * (`<bucket>.localhost`), by a domain of its own, or in the path; OBS, V2 and V4 signatures, in header or URL; XML
 * errors, lists with markers, ranges, Content-MD5, batch deletion, multipart uploads and their lists, x-obs-forbid-overwrite for PUT Object.
 */
export async function startObsStandIn(options: ObsStandInOptions): Promise<ObsStandIn> {
  const objects = new S3Objects(options.folder);
  const uploads = new S3Uploads(objects);
  const store: Store = { options, objects, uploads, begun: new Map(), kept: new WeakMap() };
  const standIn = await startStandIn(
    (request, response) => openObsExchange(request, response, options),
    async (exchange) => answer(exchange, store),
  );
  const kept = (key: string): Headers => {
    const object = objects.get(key);
    return (object && store.kept.get(object)) ?? {};
  };
  return { ...standIn, uploads: () => uploads.list(''), kept };
}

async function answer(exchange: ObsExchange, store: Store): Promise<void> {
  const { request, response, bucket, key, path, rawQuery, resource } = exchange;
  const {
    accessKeyId = '',
    secretAccessKey = '',
    keys,
    refuses,
    forbids,
    now = () => new Date(),
  } = store.options;
  const { method = '', headers } = request;
  response.setHeader('date', now().toUTCString());
  const signed = { method, path, query: rawQuery, headers, resource };
  const valid = keys?.() ?? new Map([[accessKeyId, { secretAccessKey }]]);
  const checked = checkSignature(signed, valid, now());
  if (typeof checked !== 'string') return refuse(exchange, checked);
  exchange.dialect = checked;
  response.setHeader(`${prefixOf(exchange)}request-id`, 'request');
  const refused = refuses?.(method);
  if (refused) return refuse(exchange, REFUSALS[refused]);
  if (bucket !== store.options.bucket) return refuse(exchange, REFUSALS.noSuchBucket);
  if (forbids?.(actionOf(exchange))) return refuse(exchange, REFUSALS.accessDenied);
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return refuse(exchange, REFUSALS.keyTooLong);
  return key === '' ? answerBucket(exchange, store) : answerObject(exchange, store);
}

async function answerBucket(exchange: ObsExchange, store: Store): Promise<void> {
  const { request, query } = exchange;
  if (request.method === 'GET' && query.has('uploads'))
    return sendXml(exchange, 200, 'ListMultipartUploadsResult', describeUploads(store.uploads, query));
  if (request.method === 'GET') return list(exchange, store.objects);
  if (request.method === 'POST' && query.has('delete')) return deleteMany(exchange, store.objects);
  if (request.method === 'HEAD') return finish(exchange, 200);
  refuse(exchange, REFUSALS.notAllowed);
}

async function answerObject(exchange: ObsExchange, store: Store): Promise<void> {
  const { request, key, query } = exchange;
  const { objects, uploads, begun, kept } = store;
  if (query.has('uploads')) {
    begun.set(beginUpload(exchange, uploads), keptHeaders(exchange));
    return;
  }
  const uploadId = query.get('uploadId');
  if (uploadId !== null) {
    const object = await answerUpload(exchange, uploads);
    if (object) kept.set(object, begun.get(uploadId) ?? {});
    return;
  }
  if (request.method === 'GET' || request.method === 'HEAD') return read(exchange, store);
  if (request.method === 'PUT') return put(exchange, store);
  if (request.method !== 'DELETE') return refuse(exchange, REFUSALS.notAllowed);
  await objects.delete(key);
  finish(exchange, 204);
}

async function put(exchange: ObsExchange, { objects, kept, options }: Store): Promise<void> {
  const { request, key } = exchange;
  const { forbidsOverwrite = true } = options;
  const mustBeNew = forbidsOverwrite && request.headers['x-obs-forbid-overwrite'] === 'true';
  const condition = mustBeNew ? { ifNoneMatch: '*' } : {};
  const received = await receive(exchange, async (body) => objects.put(key, body, condition));
  if (!received) return;
  const { result: object } = received;
  if (!object) return refuse(exchange, REFUSALS.exists);
  const headers = keptHeaders(exchange);
  kept.set(object, headers);
  finish(exchange, 200, { etag: object.etag, ...headers });
}

async function read(exchange: ObsExchange, { objects, kept, options }: Store): Promise<void> {
  const object = objects.get(exchange.key);
  // Who may not list is not to learn what there is.
  const absent = options.forbids?.('ListBucket') === true ? REFUSALS.accessDenied : REFUSALS.noSuchKey;
  if (!object) return refuse(exchange, absent);
  const isSent = await sendObject(exchange, object, kept.get(object));
  if (!isSent) refuse(exchange, REFUSALS.invalidRange);
}

function keptHeaders({ request }: ObsExchange): Headers {
  const entries = Object.entries(request.headers).filter(([name]) => KEPT_HEADERS.test(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function list(exchange: ObsExchange, objects: S3Objects): void {
  const { query, bucket } = exchange;
  const isEscaped = query.get('encoding-type') === 'url';
  const escaped = (key: string): string => (isEscaped ? encodeURIComponent(key) : key);
  const limit = Math.min(Number(query.get('max-keys') ?? MAX_KEYS), MAX_KEYS);
  const marker = query.get('marker') ?? '';
  const prefix = query.get('prefix') ?? '';
  const page = objects.list(prefix, marker, limit + 1);
  const isTruncated = page.length > limit;
  const contents = page.slice(0, limit).map(({ key, sizeBytes, etag, modified }) => {
    const fields = { Key: escaped(key), LastModified: modified.toISOString(), ETag: etag };
    return `<Contents>${toXml({ ...fields, Size: String(sizeBytes), StorageClass: 'STANDARD' })}</Contents>`;
  });
  const head = {
    Name: bucket,
    ...(isEscaped ? { EncodingType: 'url' } : {}),
    Prefix: escaped(prefix),
    Marker: escaped(marker),
    ...(isTruncated ? { NextMarker: escaped(page[limit - 1]?.key ?? '') } : {}),
    MaxKeys: String(limit),
    IsTruncated: String(isTruncated),
  };
  sendXml(exchange, 200, 'ListBucketResult', toXml(head) + contents.join(''));
}

async function deleteMany(exchange: ObsExchange, objects: S3Objects): Promise<void> {
  const received = await receive(exchange, async (body) => (await body.toArray()).join(''));
  if (!received) return;
  const { result: xml } = received;
  const isEscaped = textsOf(xml, 'EncodingType')[0] === 'url';
  const keys = textsOf(xml, 'Key').map((key) => (isEscaped ? decodeURIComponent(key) : key));
  if (keys.length > MAX_KEYS) return refuse(exchange, REFUSALS.tooMany);
  for (const key of keys) await objects.delete(key);
  const isQuiet = textsOf(xml, 'Quiet')[0] === 'true';
  const deleted = keys.map((Key) => `<Deleted>${toXml({ Key })}</Deleted>`);
  sendXml(exchange, 200, 'DeleteResult', isQuiet ? '' : deleted.join(''));
}
