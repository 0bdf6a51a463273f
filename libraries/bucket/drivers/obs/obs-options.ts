import type { StoreClock } from '@lade/credentials';
import type { Encryption } from '../../bucket-url.ts';
import type { CredentialSource } from '../../credentials.ts';
import type { Traffic } from '../../traffic.ts';

/** Whom a request names the bucket to: in the host's name, in the path, or by a domain of the bucket's own. */
export type ObsStyle = 'host' | 'path' | 'domain';

/** How requests are signed. `obs` names its headers x-obs-…, the two of S3 name them x-amz-…. */
export type ObsSignature = 'obs' | 'v2' | 'v4';

export interface ObsOptions {
  readonly bucket: string;
  /** '' or a path that ends in a slash. */
  readonly prefix: string;
  /** Scheme, host and perhaps port. */
  readonly endpoint: string;
  readonly style: ObsStyle;
  readonly signature: ObsSignature;
  /** To sign for, by V4 only. */
  readonly region: string;
  readonly credentials: CredentialSource;
  readonly maxConnections?: number;
  readonly traffic?: Traffic;
  /** That of the store. */
  readonly clock?: StoreClock;
  /** URL of an HTTP proxy. */
  readonly proxy?: string;
  /** As OBS calls it. */
  readonly storageClass?: string;
  readonly encryption?: Encryption;
}

/** What OBS calls the storage classes whose objects can be read at once, and how S3 calls them. */
export const STORAGE_CLASSES: Readonly<Record<string, string>> = {
  STANDARD: 'STANDARD',
  WARM: 'STANDARD_IA',
  HIGH_PERFORMANCE: 'HIGH_PERFORMANCE',
  INTELLIGENT_TIERING: 'INTELLIGENT_TIERING',
};

/** The headers that say how a new object is to be kept. */
export function keepingHeaders(options: ObsOptions): Readonly<Record<string, string>> {
  const { signature, storageClass, encryption } = options;
  const isObs = signature === 'obs';
  const prefix = isObs ? 'x-obs-' : 'x-amz-';
  const headers: Record<string, string> = {};
  if (storageClass !== undefined)
    headers[`${prefix}storage-class`] =
      (isObs ? storageClass : STORAGE_CLASSES[storageClass]) ?? storageClass;
  if (encryption?.by === 'store') headers[`${prefix}server-side-encryption`] = 'AES256';
  if (encryption?.by !== 'kms') return headers;
  headers[`${prefix}server-side-encryption`] = isObs ? 'kms' : 'aws:kms';
  const keyHeader = isObs ? 'server-side-encryption-kms-key-id' : 'server-side-encryption-aws-kms-key-id';
  if (encryption.keyId !== undefined) headers[prefix + keyHeader] = encryption.keyId;
  return headers;
}
