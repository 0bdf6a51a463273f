import type { Bucket } from '@lade/bucket';
import type { ImageSummary, PullEvent, Status, VerifyEvent } from '@lade/control-protocol';
import { encodeError } from '@lade/control-protocol';
import type { ContainerWork, ControlPlatform } from '@lade/control-service';
import { fromUnknown } from '@lade/errors';
import {
  formatPlatform,
  listImages,
  machinePlatform,
  readImageRecord,
  restoreImage,
  selectManifest,
  type ImageRecord,
} from '@lade/images';
import { verifyChain, verifyLayer, type ChainKeys } from '@lade/layers';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import { createBucketWork } from './bucket-work.ts';
import type { DaemonConfig } from './config.ts';
import type { ContainerdNode } from './containerd-node.ts';
import { explainMiss } from './explain-miss.ts';
import { createLayerViews } from './layer-views.ts';
import { readMetrics } from './metrics.ts';
import type { Platform } from './open-platform.ts';
import { VERSION } from './version.ts';

const SNAPSHOTTER = 'lade';
const DEFAULT_NAMESPACE = 'default';
const VERSION_MS = 1_000;

/** What the control API can do with this daemon. */
export function createControlPlatform(
  config: DaemonConfig,
  platform: Platform,
  {
    node,
    containers,
    log,
  }: { readonly node: ContainerdNode; readonly containers: ContainerWork; readonly log: Logger },
): ControlPlatform {
  const { bucket, content, layers, uploads, counters, keeperRestarts } = platform;
  const { keys } = config;
  return {
    ...createLayerViews(platform),
    bucket: createBucketWork(platform, config.root),
    metrics: async () => readMetrics(platform),
    containers,
    async status({ signal }): Promise<Status> {
      const timely = AbortSignal.any([signal, AbortSignal.timeout(VERSION_MS)]);
      const containerd = await node.version(timely).catch(() => undefined);
      const [ofLayers, ofContent] = [uploads.status(), content.uploads()];
      const lastError = ofLayers.lastError ?? ofContent.lastError;
      return {
        version: VERSION,
        root: config.root,
        bucket: bucket.location,
        fillMode: platform.fillMode,
        ...(containerd === undefined ? {} : { containerd }),
        uploads: {
          waiting: ofLayers.waiting + ofContent.waiting,
          ...(lastError === undefined ? {} : { lastError }),
        },
        layers: layers.list().length,
        plainSnapshots: platform.snapshotter.plainSnapshots().length,
        residency: { ...counters, waitMs: Math.round(counters.waitMs) },
        ...(keeperRestarts === undefined ? {} : { keeper: { restarts: keeperRestarts } }),
      };
    },
    async images({ signal }): Promise<readonly ImageSummary[]> {
      const summaries: ImageSummary[] = [];
      for (const record of await listImages(bucket, { log, signal })) {
        summaries.push(...summarise(record, (diffId) => layers.has(diffId)));
      }
      return summaries;
    },
    verify: (image, { signal }) => verifyImage(image, { bucket, keys, signal }),
    pull(image, { namespace = DEFAULT_NAMESPACE, signal }): AsyncIterable<PullEvent> {
      const images = node.imagesIn(namespace, SNAPSHOTTER, signal);
      const layerPresent: typeof images.layerPresent = async (chain, parent) =>
        (await images.layerPresent(chain, parent)) || explainMiss(chain, { bucket, keys, signal });
      return restoreImage(image, {
        bucket,
        node: { ...images, layerPresent, expectLayers: (wanted) => platform.remote.expect(wanted, signal) },
        snapshotter: SNAPSHOTTER,
        signal,
      });
    },
  };
}

function summarise(record: ImageRecord, isHere: (diffId: Digest) => boolean): ImageSummary[] {
  return record.manifests.map(({ platform, diffIds, chainIds, layers }) => ({
    name: record.name,
    digest: record.target.digest,
    platform: formatPlatform(platform),
    layers: diffIds.map((diffId, i) => ({
      diffId,
      chainId: chainIds[i] ?? diffId,
      sizeBytes: layers[i]?.size ?? 0,
      here: isHere(diffId),
    })),
    publishedAt: record.publishedAt,
  }));
}

async function* verifyImage(
  name: string,
  {
    bucket,
    keys,
    signal,
  }: { readonly bucket: Bucket; readonly keys: ChainKeys; readonly signal: AbortSignal },
): AsyncGenerator<VerifyEvent> {
  const record = await readImageRecord(bucket, name, { signal });
  const { diffIds, chainIds } = selectManifest(record, machinePlatform());
  let failed = 0;
  let provedBytes = 0;
  for (const [i, diffId] of diffIds.entries()) {
    const position = { diffId, number: i + 1, of: diffIds.length };
    yield { kind: 'proving', ...position };
    try {
      await verifyChain(bucket, chainIds[i] ?? diffId, { keys, signal });
      const tarBytes = await verifyLayer(bucket, diffId, { signal });
      provedBytes += tarBytes;
      yield { kind: 'proved', ...position, tarBytes };
    } catch (reason) {
      signal.throwIfAborted();
      failed++;
      yield { kind: 'failed', ...position, error: encodeError(fromUnknown(reason)) };
    }
  }
  yield { kind: 'verified', layers: diffIds.length, failed, tarBytes: provedBytes };
}
