import { bucketCredentials, type CredentialOptions } from './bucket-credentials.ts';
import type { WaitOptions } from './bucket.ts';
import { obsOptionsOf } from './drivers/obs/obs-url.ts';
import { s3OptionsOf } from './drivers/s3-url.ts';

/**
 * One by one the requests in which put() brings a large body, for those who ask what they may do. Throws as Bucket does, and
 * `aborted` for an upload that is not there.
 */
export interface MultipartSteps extends Disposable {
  /** The id of an upload. */
  begin(key: string, options: WaitOptions): Promise<string>;
  /** The ETag of its first part. */
  send(key: string, id: string, body: Uint8Array, options: WaitOptions): Promise<string>;
  complete(key: string, id: string, etag: string, options: WaitOptions): Promise<void>;
  abort(key: string, id: string, options: WaitOptions): Promise<void>;
  listParts(key: string, id: string, options: WaitOptions): Promise<void>;
  listUploads(prefix: string, options: WaitOptions): Promise<void>;
}

/** Of the bucket that `url` names; undefined for those that take any body at once. */
export async function openMultipartSteps(
  url: string,
  options: CredentialOptions = {},
): Promise<MultipartSteps | undefined> {
  const parsed = new URL(url);
  if (parsed.protocol === 's3:') {
    const { openS3Steps } = await import('./drivers/s3-multipart-steps.ts');
    return openS3Steps({ ...s3OptionsOf(parsed, url), credentials: bucketCredentials(parsed, url, options) });
  }
  if (parsed.protocol !== 'obs:') return undefined;
  const { openObsSteps } = await import('./drivers/obs/obs-multipart-steps.ts');
  return openObsSteps({
    ...obsOptionsOf(parsed, url),
    credentials: bucketCredentials(parsed, url, options),
  });
}
