import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import {
  MEDIA_TYPES,
  chainIds,
  isIndexType,
  isLayerType,
  isManifestType,
  parseImageConfig,
  parseImageIndex,
  parseManifest,
  type Descriptor,
  type Digest,
} from '@lade/oci';
import { checkContent, putContent } from './content-objects.ts';
import { encodeImageRecord, imageKey, type ImageManifest, type ImageRecord } from './image-record.ts';
import { findStoredRecord, type StoredRecord } from './read-image-record.ts';

/** The config of a container image; charts and other artifacts have types of their own. */
const CONFIG_TYPES: readonly string[] = [
  MEDIA_TYPES.config,
  'application/vnd.docker.container.image.v1+json',
];

/** How often other nodes may be faster with the record. */
const ATTEMPTS = 5;

/** This node's content store, as far as publishing reads it. */
export interface ContentReader {
  /** The whole blob, or undefined where this node does not have it. */
  read(digest: Digest, options: { readonly signal?: AbortSignal }): Promise<Uint8Array | undefined>;
}

interface PublishContext {
  readonly content: ContentReader;
  readonly bucket: Bucket;
  readonly signal?: AbortSignal;
}

/**
 * Publishes what describes an image: its manifests and configs, its index, and last its record. Manifests that this
 * node lacks are taken over from the record that is there, when it is of the same target; nested indexes and what is no
 * container image (attestations, charts) are left out. Throws `not_found` when this node has no manifest of the image,
 * `data_loss` when its content is damaged.
 */
export async function publishImage(
  image: { readonly name: string; readonly target: Descriptor },
  context: PublishContext,
): Promise<ImageRecord> {
  const { bucket } = context;
  const here = new Map<Digest, ImageManifest>();
  const index = isIndexType(image.target.mediaType) ? await readHere(image.target, context) : undefined;
  const candidates = index ? parseImageIndex(index, image.target.digest).manifests : [image.target];
  for (const descriptor of candidates) {
    const manifest = await publishManifest(descriptor, context);
    if (manifest) here.set(descriptor.digest, manifest);
  }
  if (here.size === 0) {
    throw new CodedError(
      'not_found',
      `Cannot publish image ${image.name}: none of its manifests is on this node`,
      {
        cure: 'Pull it from its registry',
      },
    );
  }
  if (index) await putContent(bucket, image.target.digest, index, waiting(context));
  return publishRecord(
    { ...image, manifests: [...here.values()], publishedAt: new Date().toISOString() },
    context,
  );
}

/** Undefined for what is not here or no container image. */
async function publishManifest(
  descriptor: Descriptor,
  context: PublishContext,
): Promise<ImageManifest | undefined> {
  if (!isManifestType(descriptor.mediaType) || descriptor.platform?.os === 'unknown') return undefined;
  const bytes = await readHere(descriptor, context);
  if (!bytes) return undefined;
  const { config, layers } = parseManifest(bytes, descriptor.digest);
  const isImage =
    CONFIG_TYPES.includes(config.mediaType) && layers.every(({ mediaType }) => isLayerType(mediaType));
  if (!isImage) return undefined;
  const configBytes = await readHere(config, context);
  if (!configBytes) return undefined;
  const { os, architecture, rootfs } = parseImageConfig(configBytes, config.digest);
  const diffIds = rootfs.diff_ids;
  if (diffIds.length !== layers.length) {
    throw new CodedError(
      'data_loss',
      `Cannot publish manifest ${descriptor.digest}: its config has not as many layers`,
    );
  }
  await putContent(context.bucket, config.digest, configBytes, waiting(context));
  await putContent(context.bucket, descriptor.digest, bytes, waiting(context));
  const platform = descriptor.platform ?? { os, architecture };
  return { descriptor, config, platform, diffIds, chainIds: chainIds(diffIds), layers };
}

async function readHere(descriptor: Descriptor, context: PublishContext): Promise<Uint8Array | undefined> {
  const bytes = await context.content.read(descriptor.digest, waiting(context));
  return bytes && checkContent(bytes, descriptor, `content ${descriptor.digest} of this node`);
}

/**
 * Puts the record, together with what another node's record of the same target knows besides. One that says it all
 * already stays; a damaged one, or one of another target, is replaced.
 */
async function publishRecord(record: ImageRecord, context: PublishContext): Promise<ImageRecord> {
  for (let attempt = 1; ; attempt++) {
    const stored = await findStoredRecord(context.bucket, record.name, waiting(context));
    const old = stored && decodeUndamaged(stored);
    const merged = mergeRecords(record, old);
    if (merged === old) return old;
    try {
      const condition = stored ? { version: stored.version } : { absent: true as const };
      await context.bucket.put(imageKey(record.name), encodeImageRecord(merged), {
        condition,
        ...waiting(context),
      });
      return merged;
    } catch (reason) {
      const isOvertaken =
        isCodedError(reason, 'already_exists') || isCodedError(reason, 'failed_precondition');
      if (!isOvertaken || attempt === ATTEMPTS) throw reason;
    }
  }
}

/** `old` itself when it knows everything that `record` does. */
function mergeRecords(record: ImageRecord, old: ImageRecord | undefined): ImageRecord {
  if (old?.target.digest !== record.target.digest) return record;
  const ours = new Set(record.manifests.map(({ descriptor }) => descriptor.digest));
  const others = old.manifests.filter(({ descriptor }) => !ours.has(descriptor.digest));
  if (old.manifests.length === others.length + ours.size) return old;
  return { ...record, manifests: [...record.manifests, ...others] };
}

function decodeUndamaged(stored: StoredRecord): ImageRecord | undefined {
  try {
    return stored.decode();
  } catch (reason) {
    if (isCodedError(reason, 'data_loss')) return undefined;
    throw reason;
  }
}

function waiting({ signal }: PublishContext): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
