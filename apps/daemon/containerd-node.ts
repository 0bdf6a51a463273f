import { randomUUID } from 'node:crypto';
import {
  ContainerdClient,
  type ContainerdCalls,
  type ContainerdEvent,
  type Labels,
} from '@lade/containerd-client';
import { isCodedError } from '@lade/errors';
import type { Descriptor, Digest } from '@lade/oci';
import { collectBytes, type ByteSource, type PullSource } from '@lade/streams';
import type { KnownTraces } from '@lade/tracing';
import { ContentFiles, pullFile } from './content-files.ts';
import { createPullTarget, type PullTarget } from './pull-target.ts';

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
    for (const { name: namespace } of await this.#client.namespaces.list({ signal }))
      yield* await this.imagesOf({ namespace, signal });
  }

  /** What happens from now on, of these topics; ends with an error when containerd goes away. */
  events(topics: readonly string[], signal: AbortSignal): AsyncIterable<ContainerdEvent> {
    const filters = topics.map((topic) => `topic=="${topic}"`);
    return this.#client.events.subscribe(filters, { signal });
  }

  /** The images of one namespace. */
  async imagesOf({ namespace, signal }: Scope): Promise<readonly NodeImage[]> {
    const images = await this.#client.inNamespace(namespace).images.list([], { signal });
    return images.map(({ name, target }) => ({ namespace, name, target }));
  }

  /** Throws `not_found`. */
  async removeImage(name: string, { namespace, signal }: Scope): Promise<void> {
    await this.#client.inNamespace(namespace).images.delete(name, { signal });
  }

  /** Answers when containerd has collected its garbage, of all namespaces: the end of a lease has it do so. */
  async collectGarbage(lease: string, signal: AbortSignal): Promise<void> {
    const [namespace] = await this.namespaces({ signal });
    if (namespace === undefined) return;
    const { leases } = this.#client.inNamespace(namespace);
    await leases.create({ id: lease, expiresInMs: LEASE_MS, signal });
    await leases.delete(lease, { sync: true, signal });
  }

  /** What pulling an image needs. */
  pullTo(
    { namespace, signal }: Scope,
    options: { readonly snapshotter: string; readonly traces: KnownTraces },
  ): PullTarget {
    return createPullTarget(this.#client.inNamespace(namespace), { ...options, namespace, signal });
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
