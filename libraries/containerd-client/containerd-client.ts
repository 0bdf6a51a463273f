import { GrpcClient } from '@lade/grpc';
import { Version } from '@lade/protocol/version';
import { Connection, type RequestOptions } from './connection.ts';
import { ContainersClient } from './containers-client.ts';
import { ContentClient } from './content-client.ts';
import { DiffClient } from './diff-client.ts';
import { EventsClient } from './events-client.ts';
import { ImagesClient } from './images-client.ts';
import { IntrospectionClient } from './introspection-client.ts';
import { LeasesClient } from './leases-client.ts';
import { NamespacesClient } from './namespaces-client.ts';
import { SnapshotsClient } from './snapshots-client.ts';
import { TasksClient } from './tasks-client.ts';

export interface OpenOptions {
  /** Absolute path of containerd's socket, such as /run/containerd/containerd.sock. */
  readonly address: string;
  /** `default` when left out; Kubernetes has `k8s.io`. */
  readonly namespace?: string;
}

/** A lease is gone by then even if this process never came to delete it. */
const LEASE_MS = 24 * 60 * 60 * 1000;

/** The calls of one connection and namespace, by service. */
export class ContainerdCalls {
  readonly content: ContentClient;
  readonly images: ImagesClient;
  readonly diff: DiffClient;
  readonly leases: LeasesClient;
  readonly containers: ContainersClient;
  readonly tasks: TasksClient;
  readonly namespaces: NamespacesClient;
  readonly events: EventsClient;
  readonly introspection: IntrospectionClient;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.content = new ContentClient(connection);
    this.images = new ImagesClient(connection);
    this.diff = new DiffClient(connection);
    this.leases = new LeasesClient(connection);
    this.containers = new ContainersClient(connection);
    this.tasks = new TasksClient(connection);
    this.namespaces = new NamespacesClient(connection);
    this.events = new EventsClient(connection);
    this.introspection = new IntrospectionClient(connection);
  }

  snapshots(snapshotter: string): SnapshotsClient {
    return new SnapshotsClient(this.#connection, snapshotter);
  }

  /** As containerd says it: "1.7.24~ds1", "v2.1.9", with the commit it was built from. */
  async version(
    options: RequestOptions = {},
  ): Promise<{ readonly version: string; readonly revision: string }> {
    const { version, revision } = await this.#connection.call(Version.method.version, {}, options);
    return { version, revision };
  }

  /** The same calls, with everything that they make kept by a lease. */
  underLease(leaseId: string): ContainerdCalls {
    return new ContainerdCalls(this.#connection.underLease(leaseId));
  }

  /**
   * Runs `work` with calls whose new content and snapshots garbage collection leaves alone until `work` has ended; by then
   * something that stays, such as an image, has to hold them.
   */
  async withLease<T>(
    work: (leased: ContainerdCalls) => Promise<T>,
    options: RequestOptions = {},
  ): Promise<T> {
    const { id } = await this.leases.create({ ...options, expiresInMs: LEASE_MS });
    try {
      return await work(this.underLease(id));
    } finally {
      await this.leases.delete(id);
    }
  }
}

/**
 * A containerd, through its socket. It dials at the first call, and again after the connection broke; calls throw
 * `unavailable` meanwhile. All errors are coded as containerd classes them.
 */
export class ContainerdClient extends ContainerdCalls implements Disposable {
  readonly #grpc: GrpcClient;

  private constructor(grpc: GrpcClient, namespace: string) {
    super(new Connection(grpc, namespace));
    this.#grpc = grpc;
  }

  static open({ address, namespace = 'default' }: OpenOptions): ContainerdClient {
    return new ContainerdClient(new GrpcClient(address), namespace);
  }

  /** Calls in another namespace, over the same connection. */
  inNamespace(namespace: string): ContainerdCalls {
    return new ContainerdCalls(new Connection(this.#grpc, namespace));
  }

  [Symbol.dispose](): void {
    this.#grpc[Symbol.dispose]();
  }
}
