import { Snapshots, type Info, type Kind } from '@lade/protocol/snapshots';
import type { Connection, RequestOptions } from './connection.ts';
import { present, toDate, toMounts, type Labels, type Mount } from './translate.ts';

export interface SnapshotInfo {
  /** The key of an active snapshot or a view, the name of a committed one. */
  readonly name: string;
  /** '' without one. */
  readonly parent: string;
  readonly kind: 'unknown' | 'view' | 'active' | 'committed';
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly labels: Labels;
}

export interface SnapshotUsage {
  /** Bytes of this snapshot alone, without its parents. */
  readonly size: number;
  readonly inodes: number;
}

export interface SnapshotOptions extends RequestOptions {
  readonly parent?: string;
  readonly labels?: Labels;
}

const KINDS = ['unknown', 'view', 'active', 'committed'] as const satisfies Record<
  Kind,
  SnapshotInfo['kind']
>;

/** What one snapshotter has in one namespace. All methods throw `not_found` for a key that it does not know. */
class SnapshotReader {
  protected readonly connection: Connection;
  protected readonly snapshotter: string;

  constructor(connection: Connection, snapshotter: string) {
    this.connection = connection;
    this.snapshotter = snapshotter;
  }

  async stat(key: string, options: RequestOptions = {}): Promise<SnapshotInfo> {
    const { info } = await this.connection.call(Snapshots.method.stat, this.named(key), options);
    return toInfo(present(info, `snapshot ${key}`));
  }

  /** All that match one of the filters, or all. */
  async *list(filters: readonly string[] = [], options: RequestOptions = {}): AsyncGenerator<SnapshotInfo> {
    const request = { snapshotter: this.snapshotter, filters: [...filters] };
    for await (const { info } of this.connection.stream(Snapshots.method.list, request, options))
      yield* info.map(toInfo);
  }

  async usage(key: string, options: RequestOptions = {}): Promise<SnapshotUsage> {
    const { size, inodes } = await this.connection.call(Snapshots.method.usage, this.named(key), options);
    return { size: Number(size), inodes: Number(inodes) };
  }

  /** How to mount an active snapshot or a view. Throws `failed_precondition` for a committed one. */
  async mounts(key: string, options: RequestOptions = {}): Promise<Mount[]> {
    const { mounts } = await this.connection.call(Snapshots.method.mounts, this.named(key), options);
    return toMounts(mounts);
  }

  protected named(key: string): { snapshotter: string; key: string } {
    return { snapshotter: this.snapshotter, key };
  }
}

/** The snapshots of one snapshotter in one namespace. */
export class SnapshotsClient extends SnapshotReader {
  /** Makes an active snapshot, to be written to. Throws `already_exists`. */
  async prepare(
    key: string,
    { parent = '', labels = {}, ...options }: SnapshotOptions = {},
  ): Promise<Mount[]> {
    const request = { ...this.named(key), parent, labels: { ...labels } };
    return toMounts((await this.connection.call(Snapshots.method.prepare, request, options)).mounts);
  }

  /** Makes a view, to be read only. Throws `already_exists`. */
  async view(key: string, { parent = '', labels = {}, ...options }: SnapshotOptions = {}): Promise<Mount[]> {
    const request = { ...this.named(key), parent, labels: { ...labels } };
    return toMounts((await this.connection.call(Snapshots.method.view, request, options)).mounts);
  }

  /**
   * Ends the active snapshot `key`; from now on it is `name`, can be a parent, and has these labels. From containerd 2.2 on,
   * `parent` is for one that was prepared without. Throws `already_exists`.
   */
  async commit(
    name: string,
    key: string,
    { parent = '', labels = {}, ...options }: SnapshotOptions = {},
  ): Promise<void> {
    const request = { ...this.named(key), name, parent, labels: { ...labels } };
    await this.connection.call(Snapshots.method.commit, request, options);
  }

  /** Throws `failed_precondition` while it is a parent. */
  async remove(key: string, options: RequestOptions = {}): Promise<void> {
    await this.connection.call(Snapshots.method.remove, this.named(key), options);
  }

  /** Has the snapshotter give back what no snapshot needs any more. */
  async cleanup(options: RequestOptions = {}): Promise<void> {
    await this.connection.call(Snapshots.method.cleanup, { snapshotter: this.snapshotter }, options);
  }
}

function toInfo(info: Info): SnapshotInfo {
  return {
    name: info.name,
    parent: info.parent,
    kind: KINDS[info.kind] ?? 'unknown',
    createdAt: toDate(info.createdAt),
    updatedAt: toDate(info.updatedAt),
    labels: { ...info.labels },
  };
}
