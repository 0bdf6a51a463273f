import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bucket, BucketEvent } from '@lade/bucket';
import { openContent, type Content } from '@lade/content';
import { isCodedError, wrapError } from '@lade/errors';
import { beginReuse, type NodeUses } from '@lade/garbage';
import { BucketImages } from '@lade/images';
import {
  ChunkCatalogue,
  UploadQueue,
  chainKey,
  indexKey,
  publishChain,
  publishLayer,
  type ChainKeys,
  type Upload,
} from '@lade/layers';
import { lockFile, punchHole } from '@lade/linux';
import type { Logger } from '@lade/log';
import {
  type FillModeName,
  Foreground,
  LayerSync,
  LayerTable,
  type LocalLayers,
  MadeLayers,
  RemoteLayers,
  openResidency,
  type ReadBook,
  type ResidencyCounters,
} from '@lade/residency';
import { RequestTotals } from '@lade/nodes';
import { StartSpans } from '@lade/starts';
import { Snapshotter, type AgreedTerms } from '@lade/snapshots';
import { openDatabase, type Database } from '@lade/sqlite';
import { inSpan } from '@lade/tracing';
import type { DaemonConfig } from './config.ts';
import { directoryAttributes } from './directory-attributes.ts';
import { openFillModes } from './fill-modes.ts';
import { nameNode } from './name-node.ts';
import { contentUses, openUses } from './node-uses.ts';
import { idMapper } from './id-mapper.ts';
import { openLayers } from './open-layers.ts';
import { openWatchedBucket, type WatchedBucket } from './open-watched-bucket.ts';
import { readAllAsUsual } from './read-ahead-device.ts';
import { openStateViews, type StateViews } from './state-views.ts';

/** Everything below the services, wired. Disposing stops the uploads, and leaves all mounts to the next daemon. */
export interface Platform extends WatchedBucket, StateViews, AsyncDisposable {
  /** What the bucket is asked. */
  readonly requests: RequestTotals;
  readonly content: Content;
  readonly images: BucketImages;
  readonly layers: LocalLayers;
  readonly made: MadeLayers;
  readonly remote: RemoteLayers;
  readonly snapshotter: Snapshotter;
  readonly reads: ReadBook;
  readonly startSpans: StartSpans;
  readonly uploads: UploadQueue;
  readonly uses: NodeUses;
  readonly foreground: Foreground;
  readonly fillMode: FillModeName;
  /** What layers may take together; undefined: as much as the disk has. */
  readonly cacheLimitBytes: number | undefined;
  readonly counters: Readonly<ResidencyCounters>;
  /** How often the keeper has started a daemon that had crashed; undefined without a keeper. */
  readonly keeperRestarts: number | undefined;
  /** From now on a crash is followed by a restart. */
  serving(): Promise<void>;
  /** The daemon stops as planned, not by a crash; disposal follows. */
  leave(): void;
}

export interface PlatformHooks {
  readonly log: Logger;
  readonly tellBucket: (event: BucketEvent) => void;
  readonly uploaded: () => void;
  readonly unpacked: () => void;
  readonly terms?: AgreedTerms;
}

/** Throws `failed_precondition` when another daemon has this root. */
export async function openPlatform(config: DaemonConfig, hooks: PlatformHooks): Promise<Platform> {
  const [{ root, keys, cacheBytes, readDeadlineMs }, { log, unpacked, terms }] = [config, hooks];
  await using stack = new AsyncDisposableStack();
  stack.use(await lockRoot(root));
  const db = openDatabase(join(root, 'state.db'));
  stack.defer(() => db.close());
  const requests = new RequestTotals(db);
  const watched = await openWatchedBucket(config, { ...hooks, requests });
  const bucket = stack.use(watched.bucket);
  let content: Content | undefined;
  const [catalogue, table] = [new ChunkCatalogue(db), new LayerTable(db)];
  const foreground = new Foreground();
  const uses = stack.use(openUses({ bucket, root, db, log, content: () => content?.digests() ?? [] }));
  const cache = cacheBytes === undefined ? {} : { cache: { limitBytes: cacheBytes, punchHole } };
  const residency = stack.use(
    await openResidency({ root, bucket, catalogue, table, log, deadlineMs: readDeadlineMs, ...cache }),
  );
  const startSpans = new StartSpans();
  const modes = stack.use(await openFillModes({ config, residency, foreground, startSpans, log }));
  const queue = new UploadQueue(
    db,
    async (upload, signal) => {
      await publish(upload, { layers, bucket, uses, catalogue, foreground, keys, log, signal });
      residency.quota?.reduce();
      // By then the queue has forgotten the upload, so that nothing keeps a layer that was only waiting for it.
      setImmediate(hooks.uploaded);
    },
    log,
  );
  await readAllAsUsual();
  const sync = stack.use(new LayerSync(residency.boot, log));
  const layers = await openLayers({ root, table, catalogue, modes, sync, bucket, queue, residency, log });
  modes.allAttached();
  residency.quota?.start((diffId) => layers.isMounted(diffId));
  const uploads = stack.use(queue);
  const remote = new RemoteLayers({
    bucket,
    keys,
    layers,
    log,
    claim: async (chain) => uses.claim([chainKey(chain)]),
  });
  const own = { root, db, log, boot: residency.boot, unpacked, terms };
  const snapshotter = stack.use(await openSnapshotter({ ...own, remote, layers, uploads }));
  content = stack.use(await openContentOf({ config, db, bucket, uses, foreground, log }));
  const owned = stack.move();
  return {
    ...watched,
    requests,
    content,
    images: new BucketImages(bucket, log),
    layers,
    made: new MadeLayers(table, layers),
    remote,
    snapshotter,
    ...openStateViews(db),
    reads: residency.reads,
    startSpans,
    uploads,
    uses,
    foreground,
    fillMode: modes.current.name,
    cacheLimitBytes: cacheBytes,
    counters: residency.counters,
    keeperRestarts: modes.keeperRestarts,
    serving: async () => modes.serving(),
    leave: () => modes.leave(),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

async function lockRoot(root: string): Promise<Disposable> {
  try {
    await mkdir(root, { recursive: true, mode: 0o711 });
    return lockFile(join(root, 'lock'));
  } catch (reason) {
    if (isCodedError(reason, 'failed_precondition') && reason.cure !== undefined) throw reason;
    throw wrapError(reason, `Cannot use root ${root}`, {
      cure: 'Choose a folder that can be written to with --root',
    });
  }
}

async function openSnapshotter(parts: {
  readonly root: string;
  readonly db: Database;
  readonly remote: RemoteLayers;
  readonly layers: LocalLayers;
  readonly uploads: UploadQueue;
  readonly boot: string;
  readonly unpacked: () => void;
  readonly terms: AgreedTerms | undefined;
  readonly log: Logger;
}): Promise<Snapshotter> {
  const { layers, uploads, unpacked, log, ...own } = parts;
  const snapshotter = await Snapshotter.open({
    ...own,
    attributes: directoryAttributes,
    mapper: idMapper,
    layers: layersForSnapshots(layers),
    listener: { committed: (layer) => uploads.enqueue(layer), unpacked },
  });
  for (const key of snapshotter.missing) log.error('snapshot has lost its directory', { key });
  await snapshotter.cleanup();
  return snapshotter;
}

/** The port that snapshots see. */
function layersForSnapshots(layers: LocalLayers): Parameters<typeof Snapshotter.open>[0]['layers'] {
  return {
    mount: async (diffId) => layers.mount(diffId),
    layerAt: (directory) => layers.layerAt(directory),
    usage: async (diffId) => layers.usage(diffId),
    impliedDirectories: async (diffId) => layers.impliedDirectories(diffId),
    retain: async (referenced) => layers.retain(referenced),
  };
}

async function openContentOf({
  config,
  uses,
  foreground,
  ...parts
}: {
  readonly config: DaemonConfig;
  readonly db: Database;
  readonly bucket: Bucket;
  readonly uses: NodeUses;
  readonly foreground: Foreground;
  readonly log: Logger;
}): Promise<Content> {
  const { root, sharedContent, contentCacheBytes } = config;
  return openContent({
    ...parts,
    root,
    uses: contentUses(uses, parts.bucket),
    sharedAs: sharedContent ? nameNode(root) : undefined,
    limit: contentCacheBytes === undefined ? undefined : { limitBytes: contentCacheBytes },
    turn: async (signal) => foreground.quiet(signal),
  });
}

interface PublishWork {
  readonly uses: NodeUses;
  readonly layers: LocalLayers;
  readonly bucket: Bucket;
  readonly catalogue: ChunkCatalogue;
  readonly foreground: Foreground;
  readonly keys: ChainKeys;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

async function publish(upload: Upload, work: PublishWork): Promise<void> {
  const attributes = { 'lade.diff_id': upload.diffId, 'lade.chain_id': upload.chainId };
  await inSpan('publish layer', { attributes }, async () => publishInSpan(upload, work));
}

async function publishInSpan({ chainId, parentChainId, diffId }: Upload, work: PublishWork): Promise<void> {
  const { layers, bucket, uses, catalogue, foreground, keys, log, signal } = work;
  const started = Date.now();
  using layer = layers.pin(diffId);
  const turn = async (): Promise<void> => foreground.quiet(signal);
  await uses.claim([chainKey(chainId), indexKey(diffId)]);
  const { confirm } = await beginReuse(bucket, { signal });
  const { index, ...figures } = await publishLayer(layers.folderOf(layer.diffId), {
    diffId,
    bucket,
    catalogue,
    turn,
    confirm,
    signal,
  });
  // Proves the new index now, before memory is given back: who looks at the layer later need not unpack its metadata image.
  await (await layers.inspect(diffId)).readIndex();
  const record = {
    parent: parentChainId,
    diffId,
    index: index.digest,
    indexHeadBytes: index.head.byteLength,
  };
  await publishChain(bucket, chainId, record, { keys, signal });
  log.info('layer published', {
    diffId,
    chainId,
    bucket: bucket.location,
    ...figures,
    ms: Date.now() - started,
  });
}
