import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { ByteSource } from '@lade/streams';
import { inParts } from './in-parts.ts';

/** Bounds memory, and with S3's 10,000 parts the size: 160 GB. */
const PART_BYTES = 16 << 20;
const CLEAN_UP_MS = 5_000;

export interface Upload {
  readonly target: { readonly Bucket: string; readonly Key: string };
  readonly condition: { readonly IfNoneMatch?: string; readonly IfMatch?: string };
  readonly abort: { readonly abortSignal?: AbortSignal };
  /** Every request passes through it, so that its failures can be told from those of the body. */
  readonly ask: <T>(request: Promise<T>) => Promise<T>;
}

/** Uploads a large body part by part and returns the ETag; a failure aborts the upload, so that no part stays behind. */
export async function putInParts(
  client: S3Client,
  body: ByteSource,
  { target, condition, abort, ask }: Upload,
): Promise<string | undefined> {
  const { UploadId } = await ask(client.send(new CreateMultipartUploadCommand(target), abort));
  const upload = { ...target, UploadId };
  try {
    const Parts: CompletedPart[] = [];
    for await (const Body of inParts(body, PART_BYTES)) {
      const PartNumber = Parts.length + 1;
      const part = new UploadPartCommand({ ...upload, PartNumber, Body });
      const { ETag } = await ask(client.send(part, abort));
      Parts.push({ PartNumber, ETag });
    }
    const complete = { ...upload, ...condition, MultipartUpload: { Parts } };
    const { ETag } = await ask(client.send(new CompleteMultipartUploadCommand(complete), abort));
    return ETag;
  } catch (reason) {
    const abortSignal = AbortSignal.timeout(CLEAN_UP_MS);
    await client.send(new AbortMultipartUploadCommand(upload), { abortSignal }).catch(() => {});
    throw reason;
  }
}
