import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { WaitOptions } from '../bucket.ts';
import type { MultipartSteps } from '../multipart-steps.ts';
import { createS3Client, type S3Options } from './s3-client.ts';
import { fromS3Error } from './s3-errors.ts';

export function openS3Steps(options: S3Options): MultipartSteps {
  const client = createS3Client(options);
  const { bucket: Bucket, prefix } = options;
  const at = (key: string, UploadId: string) => ({ Bucket, Key: prefix + key, UploadId });
  const attempt = { location: `s3://${Bucket}/${prefix}`, action: 'put' };
  const ask = async <T>(
    key: string,
    request: Promise<T>,
    { signal }: WaitOptions,
    action = 'put',
  ): Promise<T> => {
    try {
      return await request;
    } catch (reason) {
      signal?.throwIfAborted();
      throw fromS3Error(reason, { ...attempt, action, key });
    }
  };
  const abortOf = ({ signal }: WaitOptions) => (signal ? { abortSignal: signal } : {});
  return {
    async begin(key, wait) {
      const command = new CreateMultipartUploadCommand({ Bucket, Key: prefix + key });
      return (await ask(key, client.send(command, abortOf(wait)), wait)).UploadId ?? '';
    },
    async send(key, id, Body, wait) {
      const command = new UploadPartCommand({ ...at(key, id), PartNumber: 1, Body });
      return (await ask(key, client.send(command, abortOf(wait)), wait)).ETag ?? '';
    },
    async complete(key, id, ETag, wait) {
      const whole = { Parts: [{ PartNumber: 1, ETag }] };
      const command = new CompleteMultipartUploadCommand({ ...at(key, id), MultipartUpload: whole });
      await ask(key, client.send(command, abortOf(wait)), wait);
    },
    async abort(key, id, wait) {
      const command = new AbortMultipartUploadCommand(at(key, id));
      await ask(key, client.send(command, abortOf(wait)), wait, 'abort the upload of');
    },
    async listParts(key, id, wait) {
      const command = new ListPartsCommand(at(key, id));
      await ask(key, client.send(command, abortOf(wait)), wait, 'list the parts of');
    },
    async listUploads(below, wait) {
      const command = new ListMultipartUploadsCommand({ Bucket, Prefix: prefix + below });
      await ask(`${below}*`, client.send(command, abortOf(wait)), wait, 'list uploads of');
    },
    [Symbol.dispose]: () => client.destroy(),
  };
}
