import { Readable } from 'node:stream';
import type { ConsoleLink, NodeSummary, Status, VerifyEvent } from '@lade/control-protocol';
import { encodeError } from '@lade/control-protocol';
import type { ContainerWork, ControlPlatform } from '@lade/control-service';
import { CodedError, fromUnknown, isCodedError } from '@lade/errors';
import type { EventLog } from '@lade/event-log';
import type { History } from '@lade/history';
import { machinePlatform, selectManifest } from '@lade/images';
import { verifyChain, verifyLayer, type ChainKeys } from '@lade/layers';
import type { Logger } from '@lade/log';
import { isGone, listNodes, nodeKey, type NodeRecord } from '@lade/nodes';
import type { RegistryClient } from '@lade/registry-client';
import type { KnownTraces } from '@lade/tracing';
import { BucketProbe } from './bucket-probe.ts';
import { describeBucket } from './bucket-status.ts';
import { createBucketWork } from './bucket-work.ts';
import { collectNodeGarbage } from './collect-node-garbage.ts';
import type { DaemonConfig } from './config.ts';
import type { ContainerdNode, Scope } from './containerd-node.ts';
import { createLayerViews } from './layer-views.ts';
import { readMetrics } from './metrics.ts';
import { nameNode } from './name-node.ts';
import type { Observation } from './observe.ts';
import type { Platform } from './open-platform.ts';
import { createPullToNode } from './pull-to-node.ts';
import { describeResidency } from './residency-status.ts';
import { namesOf, readStoredImage, type StoredImagePlaces } from './stored-image.ts';
import { summariseImages } from './summarise-images.ts';
import { VERSION } from './version.ts';

const SNAPSHOTTER = 'lade';
const DEFAULT_NAMESPACE = 'default';
const VERSION_MS = 1_000;

export interface ControlParts {
  readonly node: ContainerdNode;
  readonly containers: ContainerWork;
  readonly registries: RegistryClient;
  readonly history: History;
  readonly events: EventLog;
  readonly timings: Observation['timings'];
  readonly traces: KnownTraces;
  /** Where the console is; undefined while no HTTP is served. */
  readonly consoleUrl: () => string | undefined;
  readonly log: Logger;
}

/** What the control API can do with this daemon. */
export function createControlPlatform(
  config: DaemonConfig,
  platform: Platform,
  { node, containers, registries, history, events, timings, traces, consoleUrl, log }: ControlParts,
): ControlPlatform {
  const { bucket, content, layers, uploads, counters, keeperRestarts } = platform;
  const { keys } = config;
  const name = nameNode(config.root);
  const probe = new BucketProbe(bucket, platform.health, nodeKey(name));
  const parts = { node, registries, keys, traces, snapshotter: SNAPSHOTTER, log };
  const pull = createPullToNode({ ...platform, ...parts });
  return {
    ...createLayerViews(platform),
    bucket: createBucketWork(platform, history, config.root),
    console: () => consoleLink(consoleUrl()),
    metrics: async () => readMetrics(platform, timings),
    containers,
    async status({ signal }): Promise<Status> {
      const timely = AbortSignal.any([signal, AbortSignal.timeout(VERSION_MS)]);
      const [containerd, condition] = await Promise.all([
        node.version(timely).catch(() => undefined),
        probe.condition(timely),
      ]);
      const [ofLayers, ofContent] = [uploads.status(), content.uploads()];
      const lastError = ofLayers.lastError ?? ofContent.lastError;
      return {
        version: VERSION,
        node: name,
        root: config.root,
        bucket: bucket.location,
        bucketHealth: describeBucket(condition, platform.clock),
        fillMode: platform.fillMode,
        containerdAddress: config.containerd,
        ...(containerd === undefined ? {} : { containerd }),
        uploads: {
          waiting: ofLayers.waiting + ofContent.waiting,
          ...(lastError === undefined ? {} : { lastError }),
        },
        layers: layers.list().length,
        plainSnapshots: platform.snapshotter.plainSnapshots().length,
        residency: describeResidency(counters),
        bucketRequests: platform.requests.counts,
        ...(keeperRestarts === undefined ? {} : { keeper: { restarts: keeperRestarts } }),
      };
    },
    images: async ({ namespace = DEFAULT_NAMESPACE, maxAgeMs = 0, signal }) =>
      summariseImages({ ...platform, node, log }, { namespace, maxAgeMs, signal }),
    removeImage: async (image, { namespace = DEFAULT_NAMESPACE, signal }) =>
      removeImage(image, node, { namespace, signal }),
    collectGarbage: async (request, { signal }) => collectNodeGarbage({ ...platform, node }, request, signal),
    namespaces: async ({ signal }) => (await node.namespaces({ signal })).sort(),
    nodes: async ({ signal }) => (await listNodes(bucket, { log, signal })).map(summariseNode),
    events: ({ follow, ...filter }, { signal }) =>
      follow ? events.follow(filter, signal) : Readable.from(events.recent(filter)),
    verify: (image, { signal }) => verifyImage(image, { ...platform, node, keys, signal }),
    pull: ({ namespace = DEFAULT_NAMESPACE, ...request }, options) =>
      pull({ ...request, namespace }, options),
  };
}

function summariseNode({ stoppedAt, beatSeconds, ...record }: NodeRecord): NodeSummary {
  if (stoppedAt !== undefined) return { ...record, state: 'stopped' };
  return { ...record, state: isGone({ ...record, beatSeconds }, Date.now()) ? 'gone' : 'running' };
}

function consoleLink(url: string | undefined): ConsoleLink {
  if (url !== undefined) return { url };
  throw new CodedError('failed_precondition', 'Cannot show the console: this daemon serves no HTTP', {
    cure: 'Start it with --http 127.0.0.1:7676',
  });
}

/** By the name as it stands, else by the full one that it means. */
async function removeImage(name: string, node: ContainerdNode, scope: Scope): Promise<void> {
  for (const known of namesOf(name)) {
    try {
      return await node.removeImage(known, scope);
    } catch (reason) {
      if (!isCodedError(reason, 'not_found')) throw reason;
    }
  }
  const state = `containerd does not have it in namespace ${scope.namespace}`;
  throw new CodedError('not_found', `Cannot remove image ${name}: ${state}`, {
    cure: 'See what there is with lade images; another namespace is named with -n, and the bucket forgets with --bucket',
  });
}

async function* verifyImage(
  name: string,
  { keys, ...places }: StoredImagePlaces & { readonly keys: ChainKeys },
): AsyncGenerator<VerifyEvent> {
  const { bucket, signal } = places;
  const record = await readStoredImage(name, places);
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
