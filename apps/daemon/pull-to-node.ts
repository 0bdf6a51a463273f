import type { PullEvent, PullRequest } from '@lade/control-protocol';
import { SharedDownloads, pullImage } from '@lade/images';
import type { ChainKeys } from '@lade/layers';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import type { RegistryClient } from '@lade/registry-client';
import { createTrace, currentTrace, spanOver, type KnownTraces } from '@lade/tracing';
import type { ContainerdNode } from './containerd-node.ts';
import { explainMiss } from './explain-miss.ts';
import type { Platform } from './open-platform.ts';

export interface PullParts extends Pick<Platform, 'bucket' | 'remote' | 'uploads'> {
  readonly node: ContainerdNode;
  readonly registries: RegistryClient;
  readonly keys: ChainKeys;
  readonly snapshotter: string;
  readonly traces: KnownTraces;
  readonly log: Logger;
}

type PullToNode = (
  request: PullRequest & { readonly namespace: string },
  options: { readonly signal: AbortSignal },
) => AsyncIterable<PullEvent>;

/** Pulls to this node's containerd. Pulls to one namespace share their downloads. */
export function createPullToNode({ node, registries, snapshotter, ...parts }: PullParts): PullToNode {
  const { bucket, remote, uploads, keys, traces, log } = parts;
  const shared = new SharedDownloads();
  return ({ image, namespace, from = 'any', plainHttp = false }, { signal }) => {
    const target = node.pullTo({ namespace, signal }, { snapshotter, traces });
    const layerPresent: typeof target.layerPresent = async (chain, parent) =>
      (await target.layerPresent(chain, parent)) || explainMiss(chain, { bucket, keys, signal });
    const events = pullImage(image, {
      from,
      bucket,
      node: { ...target, layerPresent, expectLayers: (wanted) => remote.expect(wanted, signal) },
      registry: (reference) => registries.repository(reference, { plainHttp }),
      downloads: { run: async (digest, ...rest) => shared.run(`${namespace} ${digest}`, ...rest) },
      snapshotter,
      log,
      signal,
    });
    return traced(image, withUploads(events, uploads), traces);
  };
}

/** Everything that the pull leads to is of one trace, a new one unless there is one; the stream says which. */
async function* traced(
  image: string,
  events: AsyncIterable<PullEvent>,
  traces: KnownTraces,
): AsyncGenerator<PullEvent> {
  const trace = currentTrace() ?? createTrace();
  const options = { attributes: { 'lade.image': image } };
  const pulling = spanOver('pull', options, remembered(events, traces), trace);
  let isFirst = true;
  for await (const event of pulling) {
    yield event;
    // Not before: what fails until then is answered as a failure.
    if (isFirst) yield { kind: 'traced', traceId: trace.traceId };
    isFirst = false;
  }
}

/** How many of its layers are still to be uploaded, in the last event. */
async function* withUploads(
  events: AsyncIterable<PullEvent>,
  uploads: PullParts['uploads'],
): AsyncGenerator<PullEvent> {
  const layers = new Set<Digest>();
  for await (const event of events) {
    if (event.kind === 'present') layers.add(event.diffId);
    if (event.kind !== 'restored') yield event;
    else yield { ...event, layersToUpload: [...layers].filter((diffId) => uploads.isWaiting(diffId)).length };
  }
}

async function* remembered(events: AsyncIterable<PullEvent>, traces: KnownTraces): AsyncGenerator<PullEvent> {
  for await (const event of events) {
    const trace = currentTrace();
    if (trace && event.kind === 'restored')
      traces.remember(imageName(`${event.name}@${event.digest}`), trace);
    yield event;
  }
}

/** Under which the trace is known of the pull that has given an image its name; `id` is name@digest. */
export function imageName(id: string): string {
  return `image ${id}`;
}
