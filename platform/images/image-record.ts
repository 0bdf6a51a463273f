import { CodedError } from '@lade/errors';
import { chainIds, parseDigest, type Descriptor, type Digest, type Platform } from '@lade/oci';

const VERSION = 1;

export const IMAGES_PREFIX = 'refs/images/';

/** What the bucket knows of an image: docs/reference/image-records.md. */
export interface ImageRecord {
  readonly name: string;
  /** What the name points at: an image index, or the only manifest. */
  readonly target: Descriptor;
  /** One per platform that some node has published; at least one. */
  readonly manifests: readonly ImageManifest[];
  /** ISO 8601, UTC. */
  readonly publishedAt: string;
}

export interface ImageManifest {
  readonly descriptor: Descriptor;
  readonly config: Descriptor;
  readonly platform: Platform;
  /** Bottom layer first, as many as `chainIds` and `layers`. */
  readonly diffIds: readonly Digest[];
  readonly chainIds: readonly Digest[];
  readonly layers: readonly Descriptor[];
}

/** Throws `invalid_argument` for a name that no object can have. */
export function imageKey(name: string): string {
  if (name !== '' && name.isWellFormed()) return IMAGES_PREFIX + encodeURIComponent(name);
  throw new CodedError('invalid_argument', `Cannot use ${JSON.stringify(name)} as the name of an image`);
}

/** The name in a key below `refs/images/`, or undefined where it is not one of ours. */
export function imageNameOf(key: string): string | undefined {
  try {
    const name = decodeURIComponent(key.slice(IMAGES_PREFIX.length));
    return imageKey(name) === key ? name : undefined;
  } catch {
    return undefined;
  }
}

/** One line of JSON. */
export function encodeImageRecord(record: ImageRecord): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: VERSION, ...record })}\n`);
}

/** Throws `data_loss`, naming `key`, for damage or the record of another image; `unimplemented` for an unknown version. */
export function decodeImageRecord(bytes: Uint8Array, key: string): ImageRecord {
  const fields = parse(bytes, key) as Partial<ImageRecord> & { readonly version?: unknown };
  if (fields.version !== VERSION) {
    const state = `version ${String(fields.version)}, this release knows ${VERSION}`;
    throw new CodedError('unimplemented', `Cannot use image record ${key}: ${state}`, {
      cure: 'Upgrade Lade on this node',
    });
  }
  const { name, target, manifests, publishedAt } = fields;
  if (typeof name !== 'string' || imageNameOf(key) !== name)
    throw damaged(key, 'it belongs to another image');
  if (typeof publishedAt !== 'string' || Number.isNaN(Date.parse(publishedAt)))
    throw damaged(key, 'it has no date');
  if (!Array.isArray(manifests) || manifests.length === 0) throw damaged(key, 'it has no manifests');
  try {
    return { name, target: readDescriptor(target), manifests: manifests.map(readManifest), publishedAt };
  } catch (cause) {
    throw damaged(key, (cause as Error).message, cause);
  }
}

function readManifest(value: Partial<ImageManifest>): ImageManifest {
  const diffIds = readList(value.diffIds).map((id) => parseDigest(String(id)));
  const manifest = {
    descriptor: readDescriptor(value.descriptor),
    config: readDescriptor(value.config),
    platform: readPlatform(value.platform),
    diffIds,
    chainIds: chainIds(diffIds),
    layers: readList(value.layers).map((layer) => readDescriptor(layer as Partial<Descriptor>)),
  };
  if (String(value.chainIds) !== String(manifest.chainIds))
    throw new TypeError('its chain ids are not those of its diff ids');
  if (manifest.layers.length !== diffIds.length) throw new TypeError('it has not as many layers as diff ids');
  return manifest;
}

function readDescriptor(value: Partial<Descriptor> | undefined): Descriptor {
  const { mediaType, size, digest } = value ?? {};
  if (typeof mediaType !== 'string' || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new TypeError('a descriptor in it is malformed');
  }
  return { ...value, mediaType, size, digest: parseDigest(String(digest)) };
}

function readPlatform(value: Partial<Platform> | undefined): Platform {
  const { os, architecture, variant } = value ?? {};
  if (typeof os !== 'string' || typeof architecture !== 'string')
    throw new TypeError('a platform in it is malformed');
  return { os, architecture, ...(typeof variant === 'string' && { variant }) };
}

function readList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError('a list in it is missing');
}

function parse(bytes: Uint8Array, key: string): object {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw damaged(key, 'it is not JSON', cause);
  }
  throw damaged(key, 'it is not a JSON object');
}

function damaged(key: string, state: string, cause?: unknown): CodedError {
  return new CodedError('data_loss', `Cannot use image record ${key}: ${state}`, {
    cure: 'Remove the object, and pull the image from its registry once more',
    cause,
  });
}
