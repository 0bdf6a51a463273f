import type { S3Object } from '../s3-objects.ts';
import type { S3Upload, S3Uploads } from '../s3-uploads.ts';
import { finish, sendXml, textsOf, toXml } from '../stand-in.ts';
import { describeParts } from '../upload-lists.ts';
import { receive, refuse, type ObsExchange } from './obs-exchange.ts';
import { REFUSALS } from './refusal.ts';

const MAX_PARTS = 10_000;

/** The upload's id. */
export function beginUpload(exchange: ObsExchange, uploads: S3Uploads): string {
  const { bucket, key } = exchange;
  const id = uploads.begin(key);
  sendXml(exchange, 200, 'InitiateMultipartUploadResult', toXml({ Bucket: bucket, Key: key, UploadId: id }));
  return id;
}

/** Answers what concerns one upload; gives the object that it has become. */
export async function answerUpload(exchange: ObsExchange, uploads: S3Uploads): Promise<S3Object | undefined> {
  const { request, query, key } = exchange;
  const id = query.get('uploadId') ?? '';
  const upload = uploads.get(id);
  if (upload?.key !== key) refuse(exchange, REFUSALS.noSuchUpload);
  else if (request.method === 'GET') sendXml(exchange, 200, 'ListPartsResult', describeParts(upload, query));
  else if (request.method === 'PUT') await putPart(exchange, upload, uploads);
  else if (request.method === 'POST') return complete(exchange, upload, uploads);
  else {
    await uploads.abort(id);
    finish(exchange, 204);
  }
  return undefined;
}

async function putPart(exchange: ObsExchange, { id }: S3Upload, uploads: S3Uploads): Promise<void> {
  const number = Number(exchange.query.get('partNumber'));
  if (!(number >= 1 && number <= MAX_PARTS)) return refuse(exchange, REFUSALS.invalidPart);
  const received = await receive(exchange, async (body) => uploads.putPart(id, number, body));
  if (!received) return;
  const { result: etag } = received;
  if (etag === undefined) refuse(exchange, REFUSALS.noSuchUpload);
  else finish(exchange, 200, { etag });
}

async function complete(
  exchange: ObsExchange,
  { id }: S3Upload,
  uploads: S3Uploads,
): Promise<S3Object | undefined> {
  const { bucket, key } = exchange;
  const xml = (await exchange.request.toArray()).join('');
  const etags = textsOf(xml, 'ETag');
  const listed = textsOf(xml, 'PartNumber').map((number, i) => ({
    number: Number(number),
    etag: etags[i] ?? '',
  }));
  if (!uploads.get(id) || !uploads.isWhole(id, listed)) {
    refuse(exchange, uploads.get(id) ? REFUSALS.invalidPart : REFUSALS.noSuchUpload);
    return undefined;
  }
  const object = await uploads.complete(id, {});
  if (!object) return undefined;
  const fields = { Location: `/${bucket}/${key}`, Bucket: bucket, Key: key, ETag: object.etag };
  sendXml(exchange, 200, 'CompleteMultipartUploadResult', toXml(fields));
  return object;
}
