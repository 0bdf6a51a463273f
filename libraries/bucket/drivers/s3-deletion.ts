import { createHash } from 'node:crypto';
import { DeleteObjectCommand, DeleteObjectsCommand, type S3Client } from '@aws-sdk/client-s3';
import { isCodedError } from '@lade/errors';
import { forEachConcurrently } from '@lade/streams';
import type { WaitOptions } from '../bucket.ts';
import { fromS3Error } from './s3-errors.ts';
import { inBatches } from './in-batches.ts';

const BATCHES_AT_ONCE = 4;
const DELETES_AT_ONCE = 16;
/** What stores answer that know no batches. */
const NO_BATCHES = ['NotImplemented', 'MethodNotAllowed', 'MalformedXML'];
const NO_BATCHES_STATUS = [405, 501];

export interface Deletion {
  readonly client: S3Client;
  readonly bucket: string;
  readonly prefix: string;
  readonly location: string;
  /** Gives the failure of a request its class, the key and the bucket. */
  readonly ask: <T>(request: Promise<T>, key: string, options: WaitOptions) => Promise<T>;
}

/** Deletes keys, a thousand with a request; one by one where the store knows no batches, which is found out once. */
export function createDeletion(
  deletion: Deletion,
): (keys: readonly string[], options: WaitOptions) => Promise<void> {
  let knowsBatches = true;
  const deleteSome = async (keys: readonly string[], options: WaitOptions): Promise<void> => {
    if (knowsBatches && keys.length > 1) {
      try {
        return await deleteBatch(deletion, keys, options);
      } catch (reason) {
        if (!isWithoutBatches(reason)) throw reason;
        knowsBatches = false;
      }
    }
    const deleteOne = async (key: string, signal: AbortSignal) => deleteObject(deletion, key, { signal });
    await forEachConcurrently(keys, DELETES_AT_ONCE, deleteOne, options);
  };
  return async (keys, options) => {
    const work = async (batch: string[], signal: AbortSignal) => deleteSome(batch, { signal });
    await forEachConcurrently(inBatches(keys), BATCHES_AT_ONCE, work, options);
  };
}

function isWithoutBatches(reason: unknown): boolean {
  if (!isCodedError(reason)) return false;
  const { name, status } = reason.details;
  return NO_BATCHES.includes(String(name)) || NO_BATCHES_STATUS.includes(Number(status));
}

async function deleteObject(
  { client, bucket, prefix, ask }: Deletion,
  key: string,
  options: WaitOptions,
): Promise<void> {
  const command = new DeleteObjectCommand({ Bucket: bucket, Key: prefix + key });
  await ask(client.send(command, abortOf(options)), key, options);
}

async function deleteBatch(
  { client, bucket, prefix, location, ask }: Deletion,
  keys: readonly string[],
  options: WaitOptions,
): Promise<void> {
  const Objects = keys.map((key) => ({ Key: prefix + key }));
  const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Quiet: true, Objects } });
  sendContentMd5(command);
  const name = `${keys[0]} and ${keys.length - 1} more`;
  const { Errors = [] } = await ask(client.send(command, abortOf(options)), name, options);
  const failure = Errors.find(({ Code }) => Code !== 'NoSuchKey');
  if (!failure) return;
  const { Key = '', Code = '', Message = Code } = failure;
  const reason = Object.assign(new Error(Message), { name: Code });
  throw fromS3Error(reason, { action: 'delete', key: Key.slice(prefix.length), location });
}

/** In place of the SDK's checksum, which not every store knows: a request to delete needs one, and this one all know. */
function sendContentMd5({ middlewareStack }: DeleteObjectsCommand): void {
  middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as { headers: Record<string, string>; body: string | Uint8Array };
      const md5 = createHash('md5').update(request.body).digest('base64');
      const isOther = (name: string): boolean => /^x-amz-(?:sdk-)?checksum-/i.test(name);
      const kept = Object.entries(request.headers).filter(([name]) => !isOther(name));
      request.headers = { ...Object.fromEntries(kept), 'content-md5': md5 };
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'sendContentMd5' },
  );
}

function abortOf({ signal }: WaitOptions): { abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}
