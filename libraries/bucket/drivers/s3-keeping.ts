import type { ServerSideEncryption, StorageClass } from '@aws-sdk/client-s3';
import type { S3Options } from './s3-client.ts';

interface Keeping {
  readonly StorageClass?: StorageClass;
  readonly ServerSideEncryption?: ServerSideEncryption;
  readonly SSEKMSKeyId?: string;
}

/** How new objects are to be kept, as PutObject and CreateMultipartUpload have it. */
export function keepingOf({ storageClass, encryption }: S3Options): Keeping {
  const ServerSideEncryption = encryption?.by === 'kms' ? 'aws:kms' : 'AES256';
  return {
    ...(storageClass === undefined ? {} : { StorageClass: storageClass }),
    ...(encryption ? { ServerSideEncryption } : {}),
    ...(encryption?.by === 'kms' && encryption.keyId !== undefined ? { SSEKMSKeyId: encryption.keyId } : {}),
  };
}
