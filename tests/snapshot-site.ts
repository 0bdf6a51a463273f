import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerdCalls, ContainerdClient, Mount } from '@lade/containerd-client';
import { mount } from '@lade/linux';
import type { Descriptor } from '@lade/oci';
import { unmountBelow } from '@lade/sandbox';
import { collectBytes } from '@lade/streams';

/** Mounts of a snapshot's parent and of itself, as a differ gets them. */
export interface Pair {
  readonly left: readonly Mount[];
  readonly right: readonly Mount[];
}

/** Snapshots of a test, mounted below a folder by their keys and kept from garbage collection; disposal unmounts them. */
export class SnapshotSite implements AsyncDisposable {
  readonly #calls: ContainerdCalls;
  readonly #client: ContainerdClient;
  readonly #leaseId: string;
  readonly #folder: string;
  #views = 0;

  private constructor(client: ContainerdClient, leaseId: string, folder: string) {
    this.#client = client;
    this.#leaseId = leaseId;
    this.#calls = client.underLease(leaseId);
    this.#folder = folder;
  }

  static async open(client: ContainerdClient, folder: string): Promise<SnapshotSite> {
    return new SnapshotSite(client, (await client.leases.create()).id, folder);
  }

  /** The root of an active snapshot. */
  pathOf(key: string): string {
    return join(this.#folder, key);
  }

  async prepare(snapshotter: string, key: string, parent: string): Promise<Mount[]> {
    return this.#calls.snapshots(snapshotter).prepare(key, { parent });
  }

  async prepareAndMount(snapshotter: string, key: string, parent: string): Promise<string> {
    return this.#mount(await this.prepare(snapshotter, key, parent), key);
  }

  /** A new snapshot with the layer on top of `parent`. */
  async unpack(snapshotter: string, key: string, parent: string, layer: Descriptor): Promise<string> {
    const mounts = await this.prepare(snapshotter, key, parent);
    await this.#calls.diff.apply(layer, mounts);
    return this.#mount(mounts, key);
  }

  async commit(snapshotter: string, name: string, key: string): Promise<void> {
    await this.#calls.snapshots(snapshotter).commit(name, key);
  }

  async mountView(snapshotter: string, parent: string): Promise<string> {
    return this.#mount(await this.view(snapshotter, parent), `view-${this.#views}`);
  }

  async view(snapshotter: string, parent: string): Promise<Mount[]> {
    return this.#calls.snapshots(snapshotter).view(`view-${++this.#views}`, { parent });
  }

  async activePair(snapshotter: string, key: string, parent: string): Promise<Pair> {
    const right = await this.#calls.snapshots(snapshotter).mounts(key);
    return { left: await this.view(snapshotter, parent), right };
  }

  async committedPair(snapshotter: string, name: string, parent: string): Promise<Pair> {
    return { left: await this.view(snapshotter, parent), right: await this.view(snapshotter, name) };
  }

  async read({ digest, size }: Descriptor): Promise<Uint8Array> {
    return collectBytes(this.#client.content.read(digest), size);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await unmountBelow(this.#folder);
    await this.#client.leases.delete(this.#leaseId);
  }

  async #mount(mounts: readonly Mount[], key: string): Promise<string> {
    const target = this.pathOf(key);
    await mkdir(target, { recursive: true });
    for (const request of mounts) await mount({ ...request, target });
    return target;
  }
}
