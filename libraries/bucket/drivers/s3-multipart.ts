import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { WaitOptions } from '../bucket.ts';
import { versionOf } from './answered-range.ts';
import type { OngoingUpload, PartStore, StoredPart } from './part-store.ts';
import type { keepingOf } from './s3-keeping.ts';

interface Uploads {
  readonly client: S3Client;
  readonly bucket: string;
  /** With the prefix; '' where nothing is begun. */
  readonly key: string;
  readonly keeping: ReturnType<typeof keepingOf>;
  readonly condition: { readonly IfNoneMatch?: string; readonly IfMatch?: string };
  /** Gives the failure of a request its class. */
  readonly ask: <T>(request: Promise<T>, options: WaitOptions) => Promise<T>;
}

/** The multipart uploads of an S3 store. */
export function openS3Parts(uploads: Uploads): PartStore {
  const { client, bucket: Bucket, key, keeping, condition, ask } = uploads;
  const named = (upload: OngoingUpload): { Bucket: string; Key: string; UploadId: string } => ({
    Bucket,
    Key: upload.key,
    UploadId: upload.id,
  });
  return {
    async uploads(Prefix, options) {
      const list = new ListMultipartUploadsCommand({ Bucket, Prefix });
      const { Uploads: found = [] } = await ask(client.send(list, abortOf(options)), options);
      return found.map(({ Key = '', UploadId: id = '', Initiated: begunAt = new Date() }) => ({
        key: Key,
        id,
        begunAt,
      }));
    },
    async begin(options) {
      const begin = new CreateMultipartUploadCommand({ Bucket, Key: key, ...keeping });
      const { UploadId: id = '' } = await ask(client.send(begin, abortOf(options)), options);
      return { key, id, begunAt: new Date() };
    },
    async parts(upload, options) {
      return Array.fromAsync(listParts(named(upload), { client, ask }, options));
    },
    async send(upload, { number, bytes }, options) {
      const part = new UploadPartCommand({ ...named(upload), PartNumber: number, Body: bytes });
      const { ETag = '' } = await ask(client.send(part, abortOf(options)), options);
      return ETag;
    },
    async complete(upload, etags, options) {
      const Parts = etags.map((ETag, i) => ({ PartNumber: i + 1, ETag }));
      const whole = { ...named(upload), ...condition, MultipartUpload: { Parts } };
      const complete = new CompleteMultipartUploadCommand(whole);
      const { ETag } = await ask(client.send(complete, abortOf(options)), options);
      return versionOf(ETag);
    },
    async abort(upload, options) {
      const abort = new AbortMultipartUploadCommand(named(upload));
      await ask(client.send(abort, abortOf(options)), options);
    },
  };
}

/** Without the paginator of the SDK, which goes on for ever where a store names a next part after the last one. */
async function* listParts(
  upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string },
  { client, ask }: Pick<Uploads, 'client' | 'ask'>,
  options: WaitOptions,
): AsyncGenerator<StoredPart> {
  for (let marker: string | undefined; ;) {
    const list = new ListPartsCommand({
      ...upload,
      ...(marker === undefined ? {} : { PartNumberMarker: marker }),
    });
    const page = await ask(client.send(list, abortOf(options)), options);
    for (const { PartNumber = 0, Size = 0, ETag = '', LastModified = new Date() } of page.Parts ?? [])
      yield { number: PartNumber, sizeBytes: Size, etag: ETag, storedAt: LastModified };
    const next = page.NextPartNumberMarker;
    if (page.IsTruncated !== true || next === undefined || next === marker) return;
    marker = next;
  }
}

function abortOf({ signal }: WaitOptions): { abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}
