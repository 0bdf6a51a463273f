import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { ByteSource } from '@lade/streams';
import type { WaitOptions } from '../bucket.ts';

/** Bounds memory, and with S3's 10,000 parts the size: 160 GB. */
const PART_BYTES = 16 << 20;

interface Target {
  readonly Bucket: string;
  readonly Key: string;
  readonly IfNoneMatch?: string;
  readonly IfMatch?: string;
}

/** Uploads a large body part by part; a failure aborts the upload, so that no part stays behind. */
export async function putInParts(
  client: S3Client,
  { Bucket, Key, ...condition }: Target,
  body: ByteSource,
  options: WaitOptions,
): Promise<{ version: string }> {
  const abort = options.signal ? { abortSignal: options.signal } : {};
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }), abort);
  const upload = { Bucket, Key, UploadId };
  try {
    const parts: CompletedPart[] = [];
    for await (const Body of inParts(body)) {
      const PartNumber = parts.length + 1;
      const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body }), abort);
      parts.push({ PartNumber, ETag });
    }
    const complete = { ...upload, ...condition, MultipartUpload: { Parts: parts } };
    const { ETag = '' } = await client.send(new CompleteMultipartUploadCommand(complete), abort);
    return { version: ETag };
  } catch (reason) {
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => {});
    throw reason;
  }
}

async function* inParts(body: ByteSource): AsyncGenerator<Uint8Array> {
  let part = Buffer.allocUnsafe(PART_BYTES);
  let used = 0;
  for await (const chunk of body) {
    for (let at = 0; at < chunk.byteLength;) {
      const piece = chunk.subarray(at, at + PART_BYTES - used);
      part.set(piece, used);
      used += piece.byteLength;
      at += piece.byteLength;
      if (used < PART_BYTES) continue;
      yield part;
      part = Buffer.allocUnsafe(PART_BYTES);
      used = 0;
    }
  }
  if (used > 0) yield part.subarray(0, used);
}
