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
import { configLabels, indexLabels, manifestLabels, type GcLabels } from './gc-labels.ts';
import { imageKey, type ImageManifest, type ImageRecord } from './image-record.ts';
import { machinePlatform } from './platform.ts';
import { readImageRecord } from './read-image-record.ts';
import { selectManifest } from './select-manifest.ts';

/** This node's containerd, as far as restoring an image needs it. */
export interface NodeImages {
  /** Keeps what is made from garbage collection until disposed. */
  lease(): Promise<AsyncDisposable>;
  /** Makes the layer's snapshot exist, from the bucket; false when the bucket lacks the layer. */
  layerPresent(chainId: Digest, parentChainId: Digest | undefined): Promise<boolean>;
  /** These layers, bottom first, are wanted next: they are looked for all at once. They stay until disposal. */
  expectLayers(layers: Pick<ImageManifest, 'chainIds' | 'diffIds'>): AsyncDisposable;
  /** A blob that is there already gets the labels. */
  putContent(descriptor: Descriptor, bytes: Uint8Array, labels: GcLabels): Promise<void>;
  /** Creates the image, or points it at `target`. */
  putImage(name: string, target: Descriptor, labels: Readonly<Record<string, string>>): Promise<void>;
}

export interface RestoreOptions {
  readonly bucket: Bucket;
  readonly node: NodeImages;
  /** This machine's, unless given. */
  readonly platform?: Platform;
  /** What containerd calls our snapshotter; "lade" unless given. */
  readonly snapshotter?: string;
  readonly signal?: AbortSignal;
}

/** Layers count from 1 at the bottom; `restored` is the last event. */
export type RestoreEvent =
  | {
      readonly kind: 'fetching' | 'present';
      readonly diffId: Digest;
      readonly number: number;
      readonly of: number;
    }
  | { readonly kind: 'restored'; readonly name: string; readonly digest: Digest; readonly layers: number };

/**
 * Brings an image from the bucket into this node's containerd: its layers' snapshots, then its content, then its name.
 * Throws `not_found` for an image, platform, layer or object that the bucket lacks, `data_loss` for a damaged one.
 */
export async function* restoreImage(name: string, options: RestoreOptions): AsyncGenerator<RestoreEvent> {
  const { bucket, node, signal, snapshotter = 'lade' } = options;
  const waiting = signal ? { signal } : {};
  const record = await readImageRecord(bucket, name, waiting);
  const manifest = selectManifest(record, options.platform ?? machinePlatform());
  await using stack = new AsyncDisposableStack();
  stack.use(node.expectLayers(manifest));
  const contents = await fetchContents(record, manifest, { bucket, snapshotter, ...waiting });
  stack.use(await node.lease());
  const put = putContents(contents, options);
  stack.defer(async () => put.catch(() => {}));
  yield* restoreLayers(record, manifest, options);
  await put;
  await node.putImage(record.name, record.target, {});
  yield {
    kind: 'restored',
    name: record.name,
    digest: record.target.digest,
    layers: manifest.diffIds.length,
  };
}

interface Content {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly labels: GcLabels;
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
  const contents = [
    { descriptor: config, bytes: configBytes, labels: configLabels(snapshotter, chainIds.at(-1)) },
    { descriptor, bytes: manifestBytes, labels: manifestLabels(config, layers) },
  ];
  if (!targetBytes) return contents;
  const { manifests } = parseImageIndex(targetBytes, target.digest);
  if (!manifests.some(({ digest }) => digest === descriptor.digest)) throw contradicted(name, target);
  return [...contents, { descriptor: target, bytes: targetBytes, labels: indexLabels(manifests) }];
}

async function putContents(contents: readonly Content[], { node, signal }: RestoreOptions): Promise<void> {
  for (const { descriptor, bytes, labels } of contents) {
    signal?.throwIfAborted();
    await node.putContent(descriptor, bytes, labels);
  }
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
