import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import {
  parseImageConfig,
  parseImageIndex,
  parseManifest,
  type Descriptor,
  type Digest,
  type Platform,
} from '@lade/oci';
import { readContent } from './content-objects.ts';
import { contentsOf, putContents, type Content } from './image-contents.ts';
import { imageKey, type ImageManifest, type ImageRecord } from './image-record.ts';
import type { NodeImages } from './node-images.ts';
import { machinePlatform } from './platform.ts';
import type { RestoreEvent } from './pull-event.ts';
import { readImageRecord } from './read-image-record.ts';
import { selectManifest } from './select-manifest.ts';

export interface RestoreOptions {
  readonly bucket: Bucket;
  readonly node: NodeImages;
  /** This machine's, unless given. */
  readonly platform?: Platform;
  /** What containerd calls our snapshotter; "lade" unless given. */
  readonly snapshotter?: string;
  readonly signal?: AbortSignal;
}

/**
 * Brings an image from the bucket into this node's containerd: its layers' snapshots, then its content, then its name.
 * Throws `not_found` for an image, platform, layer or object that the bucket lacks, `data_loss` for a damaged one.
 */
export async function* restoreImage(name: string, options: RestoreOptions): AsyncGenerator<RestoreEvent> {
  const { bucket, signal } = options;
  yield* restoreRecord(await readImageRecord(bucket, name, signal ? { signal } : {}), options);
}

/** The same of an image whose record has been read. */
export async function* restoreRecord(
  record: ImageRecord,
  options: RestoreOptions,
): AsyncGenerator<RestoreEvent> {
  const { bucket, node, signal, snapshotter = 'lade' } = options;
  const waiting = signal ? { signal } : {};
  const manifest = selectManifest(record, options.platform ?? machinePlatform());
  await using stack = new AsyncDisposableStack();
  stack.use(node.expectLayers(manifest));
  const contents = await fetchContents(record, manifest, { bucket, snapshotter, ...waiting });
  stack.use(await node.lease());
  const put = putContents(contents, node, signal);
  // It may fail while the layers are waited for; either way it is over before the lease is.
  const settled = put.catch(() => {});
  stack.defer(async () => settled);
  yield* restoreLayers(record, manifest, options);
  await put;
  await node.putImage(record.name, record.target, {});
  yield {
    kind: 'restored',
    name: record.name,
    digest: record.target.digest,
    layers: manifest.diffIds.length,
    source: 'bucket',
    downloadedBytes: 0,
  };
}

/** What has to be in containerd's content store, children first. Proves the record by what the digests vouch for. */
async function fetchContents(
  { name, target }: ImageRecord,
  { config, descriptor, layers, diffIds, chainIds }: ImageManifest,
  options: { readonly bucket: Bucket; readonly snapshotter: string; readonly signal?: AbortSignal },
): Promise<Content[]> {
  const { bucket, snapshotter, ...waiting } = options;
  const fetch = async ({ digest }: Descriptor): Promise<Uint8Array> => {
    try {
      return await readContent(bucket, digest, waiting);
    } catch (reason) {
      if (!isCodedError(reason, 'not_found')) throw reason;
      throw lacking(name, `content ${digest}`);
    }
  };
  const [configBytes, manifestBytes, targetBytes] = await Promise.all([
    fetch(config),
    fetch(descriptor),
    target.digest === descriptor.digest ? undefined : fetch(target),
  ]);
  const { diff_ids } = parseImageConfig(configBytes, config.digest).rootfs;
  const { config: actual } = parseManifest(manifestBytes, descriptor.digest);
  if (actual.digest !== config.digest || String(diff_ids) !== String(diffIds))
    throw contradicted(name, descriptor);
  if (targetBytes) {
    const { manifests } = parseImageIndex(targetBytes, target.digest);
    if (!manifests.some(({ digest }) => digest === descriptor.digest)) throw contradicted(name, target);
  }
  return contentsOf(
    {
      config: { descriptor: config, bytes: configBytes },
      manifest: { descriptor, bytes: manifestBytes },
      index: targetBytes && { descriptor: target, bytes: targetBytes },
    },
    { descriptors: layers, topChainId: chainIds.at(-1) },
    snapshotter,
  );
}

async function* restoreLayers(
  { name }: ImageRecord,
  { diffIds, chainIds }: ImageManifest,
  { node, signal }: RestoreOptions,
): AsyncGenerator<RestoreEvent> {
  let parent: Digest | undefined;
  for (const [i, chainId] of chainIds.entries()) {
    signal?.throwIfAborted();
    const diffId = diffIds[i] ?? chainId;
    const position = { diffId, number: i + 1, of: chainIds.length };
    yield { kind: 'fetching', ...position };
    if (!(await node.layerPresent(chainId, parent)))
      throw lacking(name, `layer ${diffId} (chain ${chainId})`);
    yield { kind: 'present', ...position };
    parent = chainId;
  }
}

function lacking(name: string, what: string): CodedError {
  return new CodedError('not_found', `Cannot restore image ${name}: the bucket lacks ${what}`, {
    cure: 'Pull it from its registry on a node with this bucket, and wait for its uploads',
  });
}

function contradicted(name: string, { digest }: Descriptor): CodedError {
  return new CodedError('data_loss', `Cannot restore image ${name}: its record contradicts ${digest}`, {
    cure: `Remove ${imageKey(name)}, and pull the image from its registry once more`,
  });
}
