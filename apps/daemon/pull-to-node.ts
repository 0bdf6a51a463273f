import type { PullEvent, PullRequest } from '@lade/control-protocol';
import { SharedDownloads, pullImage } from '@lade/images';
import type { ChainKeys } from '@lade/layers';
import type { Logger } from '@lade/log';
import type { RegistryClient } from '@lade/registry-client';
import type { ContainerdNode } from './containerd-node.ts';
import { explainMiss } from './explain-miss.ts';
import type { Platform } from './open-platform.ts';

export interface PullParts extends Pick<Platform, 'bucket' | 'remote'> {
  readonly node: ContainerdNode;
  readonly registries: RegistryClient;
  readonly keys: ChainKeys;
  readonly snapshotter: string;
  readonly log: Logger;
}

type PullToNode = (
  request: PullRequest & { readonly namespace: string },
  options: { readonly signal: AbortSignal },
) => AsyncIterable<PullEvent>;

/** Pulls to this node's containerd. Pulls to one namespace share their downloads. */
export function createPullToNode({ node, registries, snapshotter, ...parts }: PullParts): PullToNode {
  const { bucket, remote, keys, log } = parts;
  const shared = new SharedDownloads();
  return ({ image, namespace, from = 'any', plainHttp = false }, { signal }) => {
    const target = node.pullTo({ namespace, signal }, snapshotter);
    const layerPresent: typeof target.layerPresent = async (chain, parent) =>
      (await target.layerPresent(chain, parent)) || explainMiss(chain, { bucket, keys, signal });
    return pullImage(image, {
      from,
      bucket,
      node: { ...target, layerPresent, expectLayers: (wanted) => remote.expect(wanted, signal) },
      registry: (reference) => registries.repository(reference, { plainHttp }),
      downloads: { run: async (digest, ...rest) => shared.run(`${namespace} ${digest}`, ...rest) },
      snapshotter,
      log,
      signal,
    });
  };
}
