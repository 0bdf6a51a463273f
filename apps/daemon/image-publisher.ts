import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { publishImage } from '@lade/images';
import { chainKey } from '@lade/layers';
import type { Logger } from '@lade/log';
import {
  chainIds,
  isIndexType,
  isManifestType,
  parseImageConfig,
  parseImageIndex,
  parseManifest,
  type Digest,
} from '@lade/oci';
import type { ContainerdNode, NodeImage } from './containerd-node.ts';

const SETTLE_MS = 200;
const RETRY_MS = 10_000;
/** The transfer service of containerd 1.7 tells nobody of its images. */
const LOOK_MS = 60_000;
/** After a failure of the bucket, or of an image that may stay unpublishable. */
const PUBLISH_RETRY_MS = 30_000;

/**
 * Publishes the record of every image of this node's containerd whose layers the bucket has. It looks when it starts,
 * when containerd tells of an image, when an upload has ended, and again after a failure; without a containerd it waits
 * for one.
 */
export class ImagePublisher implements AsyncDisposable {
  readonly #node: ContainerdNode;
  readonly #bucket: Bucket;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #published = new Set<string>();
  #wake = Promise.withResolvers<void>();
  readonly #work: Promise<unknown>;

  constructor(node: ContainerdNode, bucket: Bucket, log: Logger) {
    this.#node = node;
    this.#bucket = bucket;
    this.#log = log;
    this.#work = Promise.all([this.#listen(), this.#run()]);
  }

  /** Something may have become publishable. */
  wake(): void {
    this.#wake.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#work;
  }

  async #listen(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const _ of this.#node.imageChanges(signal)) this.wake();
      } catch (reason) {
        if (!signal.aborted) this.#log.debug('containerd is not reachable', { error: reason });
      }
      await this.#pause(RETRY_MS);
      this.wake();
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      try {
        for await (const image of this.#node.images(signal)) await this.#consider(image);
      } catch (reason) {
        if (!signal.aborted) this.#log.debug('images not looked through', { error: reason });
      }
      const timer = setTimeout(() => this.wake(), LOOK_MS);
      await this.#wake.promise;
      clearTimeout(timer);
      await this.#pause(SETTLE_MS);
    }
  }

  async #consider(image: NodeImage): Promise<void> {
    const { signal } = this.#stop;
    const [node, bucket] = [this.#node, this.#bucket];
    const id = `${image.name}@${image.target.digest}`;
    if (this.#published.has(id)) return;
    const scope = { namespace: image.namespace, signal };
    try {
      if (!(await isInBucket(await topChains(image, node, scope), bucket, signal))) return;
      const content = { read: async (digest: Digest) => node.readDocument(digest, scope) };
      await publishImage(image, { content, bucket, signal });
      this.#published.add(id);
      this.#log.info('image published', {
        image: image.name,
        digest: image.target.digest,
        bucket: bucket.location,
      });
    } catch (reason) {
      if (signal.aborted) return;
      this.#log.warn('image not published, will retry', { image: image.name, error: reason });
      void this.#pause(PUBLISH_RETRY_MS).then(() => this.wake());
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}

/** The chain id of the top layer, for each manifest of the image that this node has. */
async function topChains(
  { target }: NodeImage,
  node: ContainerdNode,
  scope: { readonly namespace: string; readonly signal: AbortSignal },
): Promise<Digest[]> {
  const index = isIndexType(target.mediaType) ? await node.readDocument(target.digest, scope) : undefined;
  const manifests = index ? parseImageIndex(index, target.digest).manifests : [target];
  const tops: Digest[] = [];
  for (const { digest } of manifests.filter(({ mediaType }) => isManifestType(mediaType))) {
    const bytes = await node.readDocument(digest, scope);
    const config = bytes && parseManifest(bytes, digest).config.digest;
    const configBytes = config && (await node.readDocument(config, scope));
    const top = configBytes && chainIds(parseImageConfig(configBytes, config).rootfs.diff_ids).at(-1);
    if (top) tops.push(top);
  }
  return tops;
}

async function isInBucket(chains: readonly Digest[], bucket: Bucket, signal: AbortSignal): Promise<boolean> {
  for (const chain of chains) {
    try {
      await bucket.head(chainKey(chain), { signal });
      return true;
    } catch (reason) {
      if (!isCodedError(reason, 'not_found')) throw reason;
    }
  }
  return false;
}
