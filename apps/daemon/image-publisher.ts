import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from '@lade/bucket';
import { chainName } from '@lade/containerd-services';
import { isCodedError } from '@lade/errors';
import { beginReuse, type NodeUses } from '@lade/garbage';
import { publishImage, type BucketImages } from '@lade/images';
import { chainKey } from '@lade/layers';
import type { Logger } from '@lade/log';
import { chainIds, isDigest, type Digest } from '@lade/oci';
import { createTrace, inSpan, inTrace, type KnownTraces, type TraceContext } from '@lade/tracing';
import type { ContainerdNode, NodeImage } from './containerd-node.ts';
import { readManifests } from './image-manifests.ts';
import { imageName } from './pull-to-node.ts';

const SETTLE_MS = 200;
/** The transfer service of containerd 1.7 tells nobody of its images. */
const LOOK_MS = 60_000;
/** After a failure of the bucket, or of an image that may stay unpublishable. */
const PUBLISH_RETRY_MS = 30_000;

interface PublisherPorts {
  readonly bucket: Bucket;
  readonly uses: Pick<NodeUses, 'claim'>;
  readonly images: Pick<BucketImages, 'changed'>;
  /** Of the pulls that have brought images and their layers. */
  readonly traces: KnownTraces;
}

/**
 * Publishes the record of every image of this node's containerd whose layers the bucket has. It looks when it starts,
 * when it is woken, every minute, and again after a failure; without a containerd it waits for one.
 */
export class ImagePublisher implements AsyncDisposable {
  readonly #node: ContainerdNode;
  readonly #bucket: Bucket;
  readonly #uses: Pick<NodeUses, 'claim'>;
  readonly #images: Pick<BucketImages, 'changed'>;
  readonly #traces: KnownTraces;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #published = new Set<string>();
  #wake = Promise.withResolvers<void>();
  readonly #work: Promise<void>;

  constructor(node: ContainerdNode, { bucket, uses, images, traces }: PublisherPorts, log: Logger) {
    this.#node = node;
    this.#bucket = bucket;
    this.#uses = uses;
    this.#images = images;
    this.#traces = traces;
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
          signal.throwIfAborted();
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
    const id = `${image.name}@${image.target.digest}`;
    if (this.#published.has(id)) return;
    try {
      const manifests = await readManifests(image.target, this.#node, { namespace: image.namespace, signal });
      const chains = manifests.map(({ diffIds }) => chainIds(diffIds));
      await inTrace(this.#traceOf(id, chains), async () => this.#publish(image, chains));
    } catch (reason) {
      if (signal.aborted) return;
      this.#log.warn('image not published, will retry', { image: image.name, error: reason });
      void this.#pause(PUBLISH_RETRY_MS).then(() => this.wake());
    }
  }

  async #publish(image: NodeImage, chains: readonly (readonly Digest[])[]): Promise<void> {
    const { signal } = this.#stop;
    const [node, bucket] = [this.#node, this.#bucket];
    const { name, namespace, target } = image;
    const reuse = await beginReuse(bucket, { signal });
    await this.#uses.claim(chains.flat().map(chainKey));
    if (!(await hasWholeManifest(bucket, chains, signal))) return;
    const content = { read: async (digest: Digest) => node.readDocument(digest, { namespace, signal }) };
    await inSpan('publish image', { attributes: { 'lade.image': name } }, async () => {
      await publishImage(image, { content, bucket, signal });
      await reuse.confirm();
    });
    this.#images.changed();
    this.#published.add(`${name}@${target.digest}`);
    this.#log.info('image published', { image: name, digest: target.digest, bucket: bucket.location });
  }

  /** That of the pull that has given the image its name, else of the one that has brought its top layer. */
  #traceOf(id: string, manifests: readonly (readonly Digest[])[]): TraceContext {
    const tops = manifests.flatMap((chains) => chains.at(-1) ?? []);
    const names = [imageName(id), ...tops.map(chainName)];
    return names.map((name) => this.#traces.find(name)).find((trace) => trace) ?? createTrace();
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
