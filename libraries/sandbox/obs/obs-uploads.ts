import type { S3Object, S3Objects } from '../s3-objects.ts';
import { finish, sendXml, textsOf, toXml } from '../stand-in.ts';
import { receive, refuse, type ObsExchange } from './obs-exchange.ts';
import { REFUSALS } from './refusal.ts';

type Headers = Readonly<Record<string, string>>;

/** What was said when an upload began, and the ETags of its parts. */
interface Upload {
  readonly key: string;
  readonly headers: Headers;
  readonly parts: Map<number, string>;
}

const MAX_PARTS = 10_000;

/** The multipart uploads of a bucket. */
export class ObsUploads {
  readonly #objects: S3Objects;
  readonly #uploads = new Map<string, Upload>();

  constructor(objects: S3Objects) {
    this.#objects = objects;
  }

  get size(): number {
    return this.#uploads.size;
  }

  begin(exchange: ObsExchange, headers: Headers): void {
    const { bucket, key } = exchange;
    const id = this.#objects.beginUpload();
    this.#uploads.set(id, { key, headers, parts: new Map() });
    const fields = { Bucket: bucket, Key: key, UploadId: id };
    sendXml(exchange, 200, 'InitiateMultipartUploadResult', toXml(fields));
  }

  /** Those below a prefix, in one answer. */
  list(exchange: ObsExchange): void {
    const { bucket, query } = exchange;
    const prefix = query.get('prefix') ?? '';
    const below = [...this.#uploads].filter(([, { key }]) => key.startsWith(prefix));
    const uploads = below.map(([UploadId, { key: Key }]) => `<Upload>${toXml({ Key, UploadId })}</Upload>`);
    const head = toXml({ Bucket: bucket, Prefix: prefix, IsTruncated: 'false' });
    sendXml(exchange, 200, 'ListMultipartUploadsResult', head + uploads.join(''));
  }

  /** Answers what concerns one upload; gives the object that it has become, with the headers of its beginning. */
  async answer(
    exchange: ObsExchange,
  ): Promise<{ readonly object: S3Object; readonly headers: Headers } | undefined> {
    const { request, query } = exchange;
    const id = query.get('uploadId') ?? '';
    const upload = this.#uploads.get(id);
    if (!upload) refuse(exchange, REFUSALS.noSuchUpload);
    else if (request.method === 'PUT') await this.#putPart(exchange, id, upload);
    else if (request.method === 'POST') return this.#complete(exchange, id, upload);
    else if (request.method === 'GET') listParts(exchange, id, upload);
    else await this.#abort(exchange, id);
    return undefined;
  }

  async #putPart(exchange: ObsExchange, id: string, { parts }: Upload): Promise<void> {
    const number = Number(exchange.query.get('partNumber'));
    if (!(number >= 1 && number <= MAX_PARTS)) return refuse(exchange, REFUSALS.invalidPart);
    const received = await receive(exchange, async (body) => this.#objects.putPart(id, number, body));
    if (!received) return;
    parts.set(number, `"${received.md5}"`);
    finish(exchange, 200, { etag: `"${received.md5}"` });
  }

  async #complete(
    exchange: ObsExchange,
    id: string,
    { headers, parts }: Upload,
  ): Promise<{ readonly object: S3Object; readonly headers: Headers } | undefined> {
    const { bucket, key } = exchange;
    const xml = (await exchange.request.toArray()).join('');
    const etags = textsOf(xml, 'ETag');
    const numbers = textsOf(xml, 'PartNumber').map(Number);
    const isWhole = numbers.length === parts.size && numbers.every((n, i) => parts.get(n) === etags[i]);
    if (!isWhole) {
      refuse(exchange, REFUSALS.invalidPart);
      return undefined;
    }
    this.#uploads.delete(id);
    const object = await this.#objects.completeUpload(id, key, {});
    if (!object) return undefined;
    const fields = { Location: `/${bucket}/${key}`, Bucket: bucket, Key: key, ETag: object.etag };
    sendXml(exchange, 200, 'CompleteMultipartUploadResult', toXml(fields));
    return { object, headers };
  }

  async #abort(exchange: ObsExchange, id: string): Promise<void> {
    this.#uploads.delete(id);
    await this.#objects.abortUpload(id);
    finish(exchange, 204);
  }
}

function listParts(exchange: ObsExchange, id: string, { parts }: Upload): void {
  const { bucket, key } = exchange;
  const listed = [...parts].map(([number, ETag]) => toXml({ PartNumber: String(number), ETag }));
  const head = toXml({ Bucket: bucket, Key: key, UploadId: id, IsTruncated: 'false' });
  sendXml(exchange, 200, 'ListPartsResult', head + listed.map((part) => `<Part>${part}</Part>`).join(''));
}
