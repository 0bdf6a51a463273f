import { randomUUID } from 'node:crypto';
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ConditionalPuts, PutOptions } from '../bucket.ts';

/** What stores answer to a condition that they do not know, unless they ignore it. */
const UNKNOWN_CONDITION = [400, 501];

/** A condition as headers of PutObject and CompleteMultipartUpload. */
export function conditionHeaders({ condition }: PutOptions): { IfNoneMatch?: string; IfMatch?: string } {
  if (!condition) return {};
  return 'absent' in condition ? { IfNoneMatch: '*' } : { IfMatch: `"${condition.version}"` };
}

/**
 * Whether the store obeys both conditions. Some ignore them without a word, so they are tried on an object made for it,
 * `<prefix>probe/<random>`.
 */
export async function probeConditions(
  client: S3Client,
  { bucket, prefix }: { readonly bucket: string; readonly prefix: string },
): Promise<ConditionalPuts> {
  const target = { Bucket: bucket, Key: `${prefix}probe/${randomUUID()}` };
  const isRefused = async (options: PutOptions): Promise<boolean> => {
    try {
      await client.send(new PutObjectCommand({ ...target, ...conditionHeaders(options), Body: 'probe' }));
      return false;
    } catch (reason) {
      if (isConditionFailure(reason)) return true;
      if (UNKNOWN_CONDITION.includes(statusOf(reason))) return false;
      throw reason;
    }
  };
  await client.send(new PutObjectCommand({ ...target, Body: 'probe' }));
  try {
    const isAtomic =
      (await isRefused({ condition: { absent: true } })) &&
      (await isRefused({ condition: { version: '0' } }));
    return isAtomic ? 'atomic' : 'emulated';
  } finally {
    await client.send(new DeleteObjectCommand(target)).catch(() => {});
  }
}

/** 412, or 404 where the object that should have a version is gone. */
export function isConditionFailure(reason: unknown): boolean {
  return statusOf(reason) === 412 || (reason as Error).name === 'NoSuchKey';
}

function statusOf(reason: unknown): number {
  return (reason as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode ?? 0;
}
