import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { beginReuse, type NodeUses } from '@lade/garbage';
import { publishImage } from '@lade/images';
import { chainKey } from '@lade/layers';
import type { Logger } from '@lade/log';
import { chainIds, isDigest, type Digest } from '@lade/oci';
import type { ContainerdNode, NodeImage } from './containerd-node.ts';
import { readManifests } from './image-manifests.ts';

const SETTLE_MS = 200;
/** The transfer service of containerd 1.7 tells nobody of its images. */
const LOOK_MS = 60_000;
/** After a failure of the bucket, or of an image that may stay unpublishable. */
const PUBLISH_RETRY_MS = 30_000;

interface PublisherPorts {
  readonly bucket: Bucket;
  readonly uses: Pick<NodeUses, 'claim'>;
}

/**
 * Publishes the record of every image of this node's containerd whose layers the bucket has. It looks when it starts,
 * when it is woken, every minute, and again after a failure; without a containerd it waits for one.
 */
export class ImagePublisher implements AsyncDisposable {
  readonly #node: ContainerdNode;
  readonly #bucket: Bucket;
  readonly #uses: Pick<NodeUses, 'claim'>;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #published = new Set<string>();
  #wake = Promise.withResolvers<void>();
  readonly #work: Promise<void>;

  constructor(node: ContainerdNode, { bucket, uses }: PublisherPorts, log: Logger) {
    this.#node = node;
    this.#bucket = bucket;
    this.#uses = uses;
    this.#log = log;
    this.#work = this.#run();
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

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      try {
        for await (const image of this.#node.images(signal)) {
          // Kubernetes has each image once more under the digest of its config, which names it nowhere else.
          if (!isDigest(image.name)) await this.#consider(image);
        }
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
      const manifests = await readManifests(image.target, node, scope);
      const chains = manifests.map(({ diffIds }) => chainIds(diffIds));
      const reuse = await beginReuse(bucket, { signal });
      await this.#uses.claim(chains.flat().map(chainKey));
      if (!(await hasWholeManifest(bucket, chains, signal))) return;
      const content = { read: async (digest: Digest) => node.readDocument(digest, scope) };
      await publishImage(image, { content, bucket, signal });
      await reuse.confirm();
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

/** Whether the bucket has every layer of one of these manifests. */
async function hasWholeManifest(
  bucket: Bucket,
  manifests: readonly (readonly Digest[])[],
  signal: AbortSignal,
): Promise<boolean> {
  for (const chains of manifests) {
    if (chains.length > 0 && (await hasChains(bucket, chains, signal))) return true;
  }
  return false;
}

/** The top layer comes last, so it is missing first. */
async function hasChains(bucket: Bucket, chains: readonly Digest[], signal: AbortSignal): Promise<boolean> {
  try {
    for (const chain of chains.toReversed()) await bucket.head(chainKey(chain), { signal });
    return true;
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return false;
    throw reason;
  }
}
