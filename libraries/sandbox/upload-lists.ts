import { toXml } from './stand-in.ts';
import type { S3Upload, S3Uploads } from './s3-uploads.ts';

const PAGE = 1000;

/** The content of a ListMultipartUploadsResult: the first page, of a thousand. */
export function describeUploads(uploads: S3Uploads, query: URLSearchParams): string {
  const found = uploads.list(query.get('prefix') ?? '');
  const described = found
    .slice(0, PAGE)
    .map(({ key, id, begunAt }) => toXml({ Key: key, UploadId: id, Initiated: begunAt.toISOString() }));
  return (
    toXml({ IsTruncated: String(found.length > PAGE) }) +
    described.map((fields) => `<Upload>${fields}</Upload>`).join('')
  );
}

/** The content of a ListPartsResult: a page of max-parts after part-number-marker. */
export function describeParts({ key, id, parts }: S3Upload, query: URLSearchParams): string {
  const limit = Math.min(Number(query.get('max-parts') ?? PAGE), PAGE);
  const after = Number(query.get('part-number-marker') ?? 0);
  const left = [...parts.values()].filter(({ number }) => number > after).sort((a, b) => a.number - b.number);
  const page = left.slice(0, limit);
  const described = page.map(({ number, etag, sizeBytes, storedAt }) =>
    toXml({
      PartNumber: String(number),
      LastModified: storedAt.toISOString(),
      ETag: etag,
      Size: String(sizeBytes),
    }),
  );
  const head = {
    Key: key,
    UploadId: id,
    PartNumberMarker: String(after),
    NextPartNumberMarker: String(page.at(-1)?.number ?? 0),
    IsTruncated: String(left.length > limit),
  };
  return toXml(head) + described.map((fields) => `<Part>${fields}</Part>`).join('');
}
