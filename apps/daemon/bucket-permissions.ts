import { fromUnknown, type ErrorCode } from '@lade/errors';
import type { Finding } from './doctor.ts';

interface Permission {
  /** As the policies of S3 and OBS both call it. */
  readonly action: string;
  readonly of: 'object' | 'bucket';
  /** What Lade is like without it. */
  readonly state: 'failed' | 'warning';
  readonly purpose: string;
}

/** What Lade does with a bucket, and what its policy must allow for that. */
const PERMISSIONS = {
  put: {
    action: 'PutObject',
    of: 'object',
    state: 'failed',
    purpose: 'publishing what this node pulls; without it the node only reads, and its uploads wait',
  },
  get: {
    action: 'GetObject',
    of: 'object',
    state: 'failed',
    purpose: 'starting anything from the bucket',
  },
  list: {
    action: 'ListBucket',
    of: 'bucket',
    state: 'failed',
    purpose: 'telling what is missing from what is forbidden, and finding images and packs',
  },
  delete: {
    action: 'DeleteObject',
    of: 'object',
    state: 'warning',
    purpose: 'taking back claims on shared content, and objects put for a try',
  },
  abort: {
    action: 'AbortMultipartUpload',
    of: 'object',
    state: 'warning',
    purpose: 'taking back large uploads that failed, whose parts cost storage',
  },
  parts: {
    action: 'ListMultipartUploadParts',
    of: 'object',
    state: 'warning',
    purpose: 'going on with a large upload where it was cut off',
  },
  uploads: {
    action: 'ListBucketMultipartUploads',
    of: 'bucket',
    state: 'warning',
    purpose: 'finding large uploads that were cut off',
  },
} as const satisfies Record<string, Permission>;

export type PermissionName = keyof typeof PERMISSIONS;

/** Whether a failure says that it is missing. What Lade can do without need not be known to every store. */
export function isDenial(name: PermissionName, code: ErrorCode): boolean {
  const isUnknown = code === 'unimplemented' || code === 'invalid_argument';
  return code === 'permission_denied' || (isUnknown && PERMISSIONS[name].state === 'warning');
}

/** Which steps a permission was missing for, and what the store said to the first one. */
export interface MissingPermission {
  readonly name: PermissionName;
  readonly steps: readonly string[];
  readonly reason: unknown;
}

/** Finding of a permission that is missing in the bucket at `location`, as "obs://bucket/prefix/". */
export function describeMissing({ name, steps, reason }: MissingPermission, location: string): Finding {
  const { state, purpose, of, action } = PERMISSIONS[name];
  const [scheme = '', path = ''] = location.split('://');
  const place = of === 'bucket' ? path.slice(0, path.indexOf('/')) : `${path}*`;
  const [allowed, resource] =
    scheme === 'obs'
      ? [`obs:${of}:${action}`, `obs:*:*:${of}:${place}`]
      : [`s3:${action}`, `arn:aws:s3:::${place}`];
  return {
    check: `bucket: ${name}`,
    state,
    found: `${steps.join(', ')}: ${fromUnknown(reason).message}; needed for ${purpose}`,
    cure: `Allow ${allowed} on ${resource} (docs/reference/credentials.md)`,
  };
}
