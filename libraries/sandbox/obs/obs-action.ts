import type { ObsExchange } from './obs-exchange.ts';

/** What policies allow, as OBS and S3 both call it. */
export type ObsAction =
  | 'GetObject'
  | 'PutObject'
  | 'DeleteObject'
  | 'AbortMultipartUpload'
  | 'ListMultipartUploadParts'
  | 'ListBucket'
  | 'ListBucketMultipartUploads';

/** What must be allowed for a request. */
export function actionOf({ request: { method }, key, query }: ObsExchange): ObsAction {
  if (key === '' && query.has('uploads')) return 'ListBucketMultipartUploads';
  if (key === '') return method === 'POST' ? 'DeleteObject' : 'ListBucket';
  const isOfUpload = query.has('uploadId');
  if (method === 'DELETE') return isOfUpload ? 'AbortMultipartUpload' : 'DeleteObject';
  if (method === 'PUT' || method === 'POST') return 'PutObject';
  return isOfUpload ? 'ListMultipartUploadParts' : 'GetObject';
}
