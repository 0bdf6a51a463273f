import { randomUUID } from 'node:crypto';
import { ContainerdClient, type ContainerdCalls, type Labels } from '@lade/containerd-client';
import { isCodedError } from '@lade/errors';
import type { NodeImages } from '@lade/images';
import type { Descriptor, Digest } from '@lade/oci';
import { SNAPSHOT_REF } from '@lade/snapshots';
import { collectBytes, fromBytes, type ByteSource, type PullSource } from '@lade/streams';
import { ContentFiles, pullFile } from './content-files.ts';

const LEASE_MS = 3_600_000;
const MAX_DOCUMENT_BYTES = 8 << 20;

export interface Scope {
  readonly namespace: string;
  readonly signal: AbortSignal;
}

export interface OpenContent extends AsyncDisposable {
  readonly source: ByteSource | PullSource;
  readonly sizeBytes: number;
}

export interface NodeImage {
  readonly namespace: string;
  readonly name: string;
  readonly target: Descriptor;
}

/** This node's containerd, as far as the daemon needs it. It is dialled when first used, and again after it went away. */
export class ContainerdNode implements Disposable {
  readonly #client: ContainerdClient;
  readonly #files: ContentFiles;

  constructor(address: string) {
    this.#client = ContainerdClient.open({ address });
    this.#files = new ContentFiles(this.#client);
  }

  async version(signal: AbortSignal): Promise<string> {
    return (await this.#client.version({ signal })).version;
  }

  /** What it was told that a snapshotter can do. Empty for one that it does not have. */
  async capabilitiesOf(snapshotter: string, signal: AbortSignal): Promise<readonly string[]> {
    const filters = [`type==io.containerd.snapshotter.v1,id==${snapshotter}`];
    const [plugin] = await this.#client.introspection.plugins(filters, { signal });
    return plugin?.capabilities ?? [];
  }

  inNamespace(namespace: string): ContainerdCalls {
    return this.#client.inNamespace(namespace);
  }

  async namespaces(options: { readonly signal?: AbortSignal } = {}): Promise<string[]> {
    return (await this.#client.namespaces.list(options)).map(({ name }) => name);
  }

  /** Bytes of a blob in containerd's content store, over the wire. Throws `not_found`. */
  readContent(digest: Digest, { namespace, signal }: Scope): ByteSource {
    return this.#client.inNamespace(namespace).content.read(digest, { signal });
  }

  /** The same from the blob's file where this process can open it, at a fifth of the price. Throws `not_found` at once. */
  async openContent(digest: Digest, scope: Scope): Promise<OpenContent> {
    const { namespace, signal } = scope;
    const { size } = await this.#client.inNamespace(namespace).content.info(digest, { signal });
    const file = await this.#files.open(digest, size, { signal });
    return {
      source: file ? pullFile(file) : this.readContent(digest, scope),
      sizeBytes: size,
      [Symbol.asyncDispose]: async () => file?.close(),
    };
  }

  /**
   * Stores content that is known only at its end. containerd tells a differ nothing of its caller's lease, so what is stored gets
   * one of its own, which outlasts the call: whoever made it has this long to refer to it.
   */
  async ingest(
    bytes: ByteSource,
    { ref, labels }: { readonly ref: string | undefined; readonly labels: () => Promise<Labels> },
    { namespace, signal }: Scope,
  ): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
    const calls = this.#client.inNamespace(namespace);
    const { id } = await calls.leases.create({ expiresInMs: LEASE_MS, signal });
    const name = ref ?? `lade-${randomUUID()}`;
    try {
      const ingested = await calls.underLease(id).content.ingest(bytes, { ref: name, labels, signal });
      return { digest: ingested.digest, sizeBytes: ingested.size };
    } catch (reason) {
      // What cannot be cleared away now, garbage collection finds without a lease.
      if (ref === undefined) await calls.content.abort(name).catch(() => {});
      await calls.leases.delete(id).catch(() => {});
      throw reason;
    }
  }

  /** A small blob whole, or undefined where it is not here. */
  async readDocument(digest: Digest, scope: Scope): Promise<Uint8Array | undefined> {
    try {
      return await collectBytes(this.readContent(digest, scope), MAX_DOCUMENT_BYTES);
    } catch (reason) {
      if (isCodedError(reason, 'not_found')) return undefined;
      throw reason;
    }
  }

  /** The images of all namespaces. */
  async *images(signal: AbortSignal): AsyncGenerator<NodeImage> {
    for (const { name: namespace } of await this.#client.namespaces.list({ signal })) {
      const images = await this.#client.inNamespace(namespace).images.list([], { signal });
      for (const { name, target } of images) yield { namespace, name, target };
    }
  }

  /** Yields whenever an image was made or changed; ends with an error when containerd goes away. */
  async *imageChanges(signal: AbortSignal): AsyncGenerator<void> {
    const filters = ['topic=="/images/create"', 'topic=="/images/update"'];
    for await (const _ of this.#client.events.subscribe(filters, { signal })) yield;
  }

  /** What restoring an image needs, in one namespace. */
  imagesIn(namespace: string, snapshotter: string, signal: AbortSignal): Omit<NodeImages, 'expectLayers'> {
    const calls = this.#client.inNamespace(namespace);
    let leased = calls;
    return {
      async lease() {
        const { id } = await calls.leases.create({ expiresInMs: LEASE_MS, signal });
        leased = calls.underLease(id);
        return { [Symbol.asyncDispose]: async () => calls.leases.delete(id) };
      },
      layerPresent: async (chain, parent) => prepareLayer(leased, snapshotter, { chain, parent, signal }),
      async putContent(descriptor, bytes, labels) {
        await leased.content.put(descriptor, fromBytes(bytes), { labels, signal });
      },
      async putImage(name, target, labels) {
        try {
          await leased.images.create({ name, target, labels }, { signal });
        } catch (reason) {
          if (!isCodedError(reason, 'already_exists')) throw reason;
          await leased.images.update({ name, target, labels }, { signal });
        }
      },
    };
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

/** containerd's side of the remote-snapshot handshake: a Prepare for a chain that is answered "exists". */
async function prepareLayer(
  calls: ContainerdCalls,
  snapshotter: string,
  layer: { readonly chain: Digest; readonly parent: Digest | undefined; readonly signal: AbortSignal },
): Promise<boolean> {
  const { chain, parent = '', signal } = layer;
  const snapshots = calls.snapshots(snapshotter);
  const key = `extract-${process.hrtime.bigint()}-lade ${chain}`;
  try {
    await snapshots.prepare(key, { parent, labels: { [SNAPSHOT_REF]: chain }, signal });
  } catch (reason) {
    if (isCodedError(reason, 'already_exists')) return true;
    throw reason;
  }
  await snapshots.remove(key, { signal });
  return false;
}
