import { Content, WriteAction } from '@lade/protocol/content';
import { Events } from '@lade/protocol/events';
import { Images } from '@lade/protocol/images';
import { Leases } from '@lade/protocol/leases';
import { Namespaces } from '@lade/protocol/namespaces';
import { Snapshots } from '@lade/protocol/snapshots';
import { Version } from '@lade/protocol/version';
import { isCodedError } from '@lade/errors';
import { GrpcClient } from '@lade/grpc';
import type { NodeImages } from '@lade/images';
import { parseDigest, type Descriptor, type Digest } from '@lade/oci';
import { collectBytes } from '@lade/streams';

const SNAPSHOT_REF = 'containerd.io/snapshot.ref';
const LEASE_EXPIRY = 'containerd.io/gc.expire';
const LEASE_MS = 3_600_000;
const MAX_DOCUMENT_BYTES = 8 << 20;
/** As containerd's own client; one message may hold 16 MiB. */
const WRITE_BYTES = 1 << 20;

interface Scope {
  readonly namespace: string;
  readonly signal?: AbortSignal;
}

export interface NodeImage {
  readonly namespace: string;
  readonly name: string;
  readonly target: Descriptor;
}

/** This node's containerd, as far as the daemon needs it. It is dialled when first used, and again after it went away. */
export class ContainerdNode implements Disposable {
  readonly #client: GrpcClient;

  constructor(address: string) {
    this.#client = new GrpcClient(address);
  }

  async version(signal: AbortSignal): Promise<string> {
    const { version } = await this.#client.call(Version.method.version, {}, { signal });
    return version;
  }

  /** Bytes of a blob in containerd's content store. Throws `not_found`. */
  async *readContent(digest: Digest, scope: Scope): AsyncGenerator<Uint8Array> {
    for await (const { data } of this.#client.stream(Content.method.read, { digest }, scope)) yield data;
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
    const { namespaces } = await this.#client.call(Namespaces.method.list, {}, { signal });
    for (const { name: namespace } of namespaces) {
      const { images } = await this.#client.call(Images.method.list, {}, { namespace, signal });
      for (const { name, target } of images) {
        if (!target?.digest.startsWith('sha256:')) continue;
        const { mediaType, digest, size } = target;
        yield { namespace, name, target: { mediaType, digest: parseDigest(digest), size: Number(size) } };
      }
    }
  }

  /** Yields whenever an image was made or changed; ends with an error when containerd goes away. */
  async *imageChanges(signal: AbortSignal): AsyncGenerator<void> {
    const filters = ['topic=="/images/create"', 'topic=="/images/update"'];
    for await (const _ of this.#client.stream(Events.method.subscribe, { filters }, { signal })) yield;
  }

  /** What restoring an image needs, in one namespace. */
  imagesIn(namespace: string, snapshotter: string, signal: AbortSignal): NodeImages {
    let scope: Scope & { lease?: string } = { namespace, signal };
    return {
      lease: async () => {
        const lease = await this.#createLease(namespace, signal);
        scope = { ...scope, lease };
        return { [Symbol.asyncDispose]: async () => this.#deleteLease(namespace, lease) };
      },
      layerPresent: async (chain, parent) => this.#prepareLayer(chain, parent, { ...scope, snapshotter }),
      putContent: async (descriptor, bytes, labels) =>
        this.#putContent(descriptor, bytes, { ...scope, labels }),
      putImage: async (name, { mediaType, digest, size }, labels) => {
        const image = { name, labels, target: { mediaType, digest, size: BigInt(size) } };
        try {
          await this.#client.call(Images.method.create, { image }, scope);
        } catch (reason) {
          if (!isCodedError(reason, 'already_exists')) throw reason;
          await this.#client.call(Images.method.update, { image }, scope);
        }
      },
    };
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }

  async #createLease(namespace: string, signal: AbortSignal): Promise<string> {
    const labels = { [LEASE_EXPIRY]: new Date(Date.now() + LEASE_MS).toISOString() };
    const id = `lade-${process.pid}-${process.hrtime.bigint()}`;
    await this.#client.call(Leases.method.create, { id, labels }, { namespace, signal });
    return id;
  }

  async #deleteLease(namespace: string, id: string): Promise<void> {
    await this.#client.call(Leases.method.delete, { id }, { namespace });
  }

  /** containerd's side of the remote-snapshot handshake: a Prepare for a chain that is answered "exists". */
  async #prepareLayer(
    chain: Digest,
    parent: Digest | undefined,
    scope: Scope & { snapshotter: string },
  ): Promise<boolean> {
    const { snapshotter, ...options } = scope;
    const key = `extract-${process.hrtime.bigint()}-lade ${chain}`;
    const request = { snapshotter, key, parent: parent ?? '', labels: { [SNAPSHOT_REF]: chain } };
    try {
      await this.#client.call(Snapshots.method.prepare, request, options);
    } catch (reason) {
      if (isCodedError(reason, 'already_exists')) return true;
      throw reason;
    }
    await this.#client.call(Snapshots.method.remove, { snapshotter, key }, options);
    return false;
  }

  async #putContent(
    { digest, size }: Descriptor,
    bytes: Uint8Array,
    scope: Scope & { labels: Readonly<Record<string, string>> },
  ): Promise<void> {
    const { labels, ...options } = scope;
    const ref = `lade-${digest}`;
    const common = { ref, total: BigInt(size), expected: digest };
    async function* messages(): AsyncGenerator<object> {
      for (let at = 0; at < bytes.byteLength; at += WRITE_BYTES) {
        yield {
          ...common,
          action: WriteAction.WRITE,
          offset: BigInt(at),
          data: bytes.subarray(at, at + WRITE_BYTES),
        };
      }
      yield {
        ...common,
        action: WriteAction.COMMIT,
        offset: BigInt(bytes.byteLength),
        labels: { ...labels },
      };
    }
    try {
      for await (const _ of this.#client.converse(Content.method.write, messages(), options));
    } catch (reason) {
      if (!isCodedError(reason, 'already_exists')) throw reason;
      const paths = Object.keys(labels).map((label) => `labels.${label}`);
      const request = { info: { digest, labels: { ...labels } }, updateMask: { paths } };
      await this.#client.call(Content.method.update, request, options);
    }
  }
}
