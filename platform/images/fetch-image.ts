import type { Descriptor, Digest, Platform, Reference } from '@lade/oci';
import { eventsOf, type ByteSource } from '@lade/streams';
import { inSpan } from '@lade/tracing';
import { putContents } from './image-contents.ts';
import { LayerDownloads } from './layer-downloads.ts';
import type { NodeImages, NodeLayers } from './node-images.ts';
import { machinePlatform } from './platform.ts';
import type { PullEvent } from './pull-event.ts';
import { readRegistryImage, type ImageContents, type RegistryImage } from './read-registry-image.ts';
import type { SharedDownloads } from './shared-downloads.ts';

export interface FetchOptions {
  readonly node: NodeImages & NodeLayers;
  readonly image: RegistryImage;
  /** Of this containerd, and of this namespace of it. */
  readonly downloads: Pick<SharedDownloads, 'run'>;
  /** This machine's, unless given. */
  readonly platform?: Platform;
  /** What containerd calls our snapshotter; "lade" unless given. */
  readonly snapshotter?: string;
  readonly signal?: AbortSignal;
}

type Tell = (event: PullEvent) => void;

const PROGRESS_MS = 200;

/**
 * Brings an image from its registry into this node's containerd, as containerd's own client does: index, manifest and config, then each
 * layer that neither this node nor the bucket has, and its name last. `target` is what the name points at, where that is known.
 * What has come when it fails stays for a day, and is not asked for again.
 */
export async function* fetchImage(
  { name }: Pick<Reference, 'name'>,
  target: Descriptor | undefined,
  options: FetchOptions,
): AsyncGenerator<PullEvent> {
  const { platform = machinePlatform(), snapshotter = 'lade', ...given } = options;
  const { node, image, signal } = given;
  const resolve = async (): Promise<Descriptor> => image.resolve(signal ? { signal } : {});
  const found = target ?? (await inSpan('resolve', { attributes: { 'lade.image': name } }, resolve));
  const contents = await readRegistryImage(found, { name, platform, snapshotter, ...given });
  const { digest } = found;
  const layers = contents.layers.length;
  yield { kind: 'resolved', digest, layers, source: 'registry' };
  let downloadedBytes = 0;
  const came = (bytes: number): void => void (downloadedBytes += bytes);
  const keyOf = (event: PullEvent): string => `${event.kind} ${'number' in event ? event.number : ''}`;
  yield* eventsOf<PullEvent>(
    async (tell, stopping) => {
      // Given up only after success: by it the next try finds what has come so far.
      const lease = await node.lease();
      await bring(contents, { ...given, signal: stopping, came }, tell);
      await node.putImage(name, found, {});
      await lease[Symbol.asyncDispose]();
    },
    signal ? { keyOf, signal } : { keyOf },
  );
  yield { kind: 'restored', name, digest, layers, source: 'registry', downloadedBytes };
}

interface BringOptions extends FetchOptions {
  /** So many more bytes have come from the registry. */
  readonly came: (bytes: number) => void;
  readonly signal: AbortSignal;
}

async function bring(contents: ImageContents, options: BringOptions, tell: Tell): Promise<void> {
  const { node, signal } = options;
  await using stack = new AsyncDisposableStack();
  stack.use(node.expectLayers(contents));
  const put = putContents(contents.contents, node, signal);
  // It may fail while the layers are waited for; either way it is over before the lease is.
  const settled = put.catch(() => {});
  stack.defer(async () => settled);
  await bringLayers(contents, options, tell);
  await put;
}

/** From the first layer on that is to be downloaded, those above it are on their way too: a chain that has it is nowhere else. */
async function bringLayers(
  { layers, diffIds, chainIds }: ImageContents,
  options: BringOptions,
  tell: Tell,
): Promise<void> {
  const { node, signal } = options;
  await using stack = new AsyncDisposableStack();
  let downloads: LayerDownloads | undefined;
  const positionOf = (i: number): Position => ({
    diffId: diffIds[i] as Digest,
    number: i + 1,
    of: layers.length,
  });
  for (const [i, layer] of layers.entries()) {
    signal.throwIfAborted();
    const position = positionOf(i);
    if (!downloads) tell({ kind: 'fetching', ...position });
    await using prepared = await node.prepareLayer(chainIds[i] as Digest, chainIds[i - 1]);
    if (prepared) {
      downloads ??= stack.use(
        new LayerDownloads(
          layers,
          async (each, n, stopping) =>
            n < i ? undefined : download(each, positionOf(n), { ...options, signal: stopping }, tell),
          signal,
        ),
      );
      await downloads.arrival(i);
      tell({ kind: 'converting', ...position });
      await inSpan('unpack layer', { attributes: { 'lade.diff_id': position.diffId } }, async () =>
        prepared.unpack(layer, position.diffId),
      );
    }
    tell({ kind: 'present', ...position });
  }
}

interface Position {
  readonly diffId: Digest;
  readonly number: number;
  readonly of: number;
}

async function download(
  layer: Descriptor,
  position: Position,
  { node, image, downloads, signal, came }: BringOptions,
  tell: Tell,
): Promise<void> {
  let toldAt = 0;
  let last: number | undefined;
  const tellBytes = (bytes: number): void => {
    came(Math.max(0, bytes - (last ?? bytes)));
    last = bytes;
    if (bytes < layer.size && Date.now() - toldAt < PROGRESS_MS) return;
    toldAt = Date.now();
    tell({ kind: 'downloading', ...position, bytes, totalBytes: layer.size });
  };
  const fetch = async (): Promise<void> =>
    downloads.run(
      layer.digest,
      async (tellAll, shared) => {
        const bytesFrom = (offset: number): ByteSource =>
          counted(image.blob(layer, { offset, signal: shared }), offset, tellAll);
        await node.storeLayer(layer, bytesFrom, { signal: shared });
      },
      { tell: tellBytes, signal },
    );
  await inSpan('download layer', { attributes: { 'lade.digest': layer.digest } }, fetch);
}

async function* counted(
  bytes: ByteSource,
  offset: number,
  tell: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let position = offset;
  tell(position);
  for await (const chunk of bytes) {
    yield chunk;
    position += chunk.byteLength;
    tell(position);
  }
}
