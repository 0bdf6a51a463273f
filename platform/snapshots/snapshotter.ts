import { existsSync, readdirSync } from 'node:fs';
import { labelOf, type Labels } from '@lade/containerd-store';
import { CodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import type { Database } from '@lade/sqlite';
import { ContentDirectories } from './content-directories.ts';
import { openRoot, type Directories, type Root } from './directories.ts';
import { DiskRecords } from './disk-records.ts';
import { diskUsage } from './disk-usage.ts';
import { idMappingOf, type IdMapping } from './id-mapping.ts';
import { LowerDirectories } from './lower-directories.ts';
import { MappedDirectories } from './mapped-directories.ts';
import { MountedChanges, type SnapshotChanges } from './mounted-changes.ts';
import { writableDirectory, type Mount } from './mount.ts';
import { PlainSnapshots, type PlainSnapshot } from './plain-snapshots.ts';
import type {
  AgreedTerms,
  CommitListener,
  DirectoryAttributes,
  IdMapper,
  LayerMounts,
  RemoteLayers,
} from './ports.ts';
import { reconcile } from './reconcile.ts';
import { Removals } from './removals.ts';
import { attributesOfRoot } from './root-attributes.ts';
import { SNAPSHOT_REF, type Info, type Usage } from './snapshot.ts';
import { SnapshotMounts } from './snapshot-mounts.ts';
import type { SnapshotRow } from './snapshot-row.ts';
import { SnapshotStore, type NewSnapshot } from './snapshot-store.ts';
import { Targets } from './targets.ts';

export interface SnapshotterOptions {
  /** Absolute; overlay options must be able to carry it, so no colon, comma or backslash. */
  readonly root: string;
  /** Stays the caller's to close, after the snapshotter. */
  readonly db: Database;
  readonly layers: LayerMounts;
  readonly remote: RemoteLayers;
  readonly listener: CommitListener;
  readonly attributes: DirectoryAttributes;
  /** Names this boot of the machine: mounts of another one are gone. */
  readonly boot: string;
  /** Without them, nothing is agreed. */
  readonly terms?: AgreedTerms | undefined;
  /** Without it, no ids are mapped. */
  readonly mapper?: IdMapper;
}

const NOTHING: Usage = { sizeBytes: 0, inodes: 0 };

interface Waiting {
  readonly signal?: AbortSignal;
}

/** The kernel knows index=off only with this parameter. Off, an upper directory may meet other layers than before. */
const INDEX_PARAMETER = '/sys/module/overlay/parameters/index';

/**
 * containerd's Snapshotter contract. Keys are containerd's own; '' as a parent means none. What is not asynchronous here
 * is one database transaction without any waiting, fit for containerd's write lock. The codes `not_found`,
 * `already_exists`, `invalid_argument` and `failed_precondition` mean exactly what containerd's own snapshotters mean.
 */
export class Snapshotter implements AsyncDisposable {
  /** Keys of the snapshots whose directory was gone at the start; they and what stands on them cannot be mounted. */
  readonly missing: readonly string[];
  readonly #store: SnapshotStore;
  readonly #records: DiskRecords;
  readonly #plain: PlainSnapshots;
  readonly #layers: LayerMounts;
  readonly #lower: LowerDirectories;
  readonly #targets: Targets;
  readonly #changes: MountedChanges;
  readonly #snapshots: Directories;
  readonly #contents: ContentDirectories;
  readonly #mounts: SnapshotMounts;
  readonly #terms: AgreedTerms | undefined;
  readonly #removals: Removals;

  /** Opens the state below `root`, and removes what a crash has left there. */
  static async open(options: SnapshotterOptions): Promise<Snapshotter> {
    const directories = await openRoot(options.root);
    const store = new SnapshotStore(options.db, options.listener);
    const records = new DiskRecords(options.db);
    const missing = await reconcile(records, directories.snapshots, directories.fixes, options.boot);
    const mapped = options.mapper && (await MappedDirectories.open(options.root, options.mapper));
    await mapped?.sweep((id) => records.isMapped(id));
    return new Snapshotter(options, { ...directories, store, records, missing, mapped });
  }

  private constructor(options: SnapshotterOptions, opened: OpenedState) {
    const { db, listener, boot, layers, remote, attributes } = options;
    const { store, records, snapshots, fixes } = opened;
    const missing = new Set(opened.missing.map(({ id }) => id));
    this.missing = opened.missing.map(({ key }) => key);
    this.#store = store;
    this.#records = records;
    this.#plain = new PlainSnapshots(db, listener, boot);
    this.#layers = layers;
    const overlayOptions = existsSync(INDEX_PARAMETER) ? ['index=off'] : [];
    const folders = { snapshots, fixes, missing };
    this.#lower = new LowerDirectories({ layers, attributes, records, overlayOptions, ...folders });
    this.#targets = new Targets(store, remote, options.terms);
    this.#changes = new MountedChanges({ queries: store.queries, layers, snapshots, fixes });
    this.#snapshots = snapshots;
    this.#contents = new ContentDirectories(snapshots);
    this.#removals = new Removals(opened);
    this.#terms = options.terms;
    const { mapped, empty } = opened;
    this.#mounts = new SnapshotMounts({ snapshots, lower: this.#lower, mapped, overlayOptions, empty });
  }

  /**
   * Makes an active snapshot. With the label containerd.io/snapshot.ref it throws `already_exists` instead when that target is,
   * or on the way becomes, a committed snapshot on the same parent; or, if that was agreed, it has the target's layer already
   * and mounts read-only. With the labels of an id mapping it is for a container in a user namespace, and its mounts show the
   * owners that are right there, if that was agreed.
   */
  async prepare(key: string, parent: string, labels: Labels = {}, options: Waiting = {}): Promise<Mount[]> {
    const snapshot: NewSnapshot = { key, parent, kind: 'active', labels };
    const target = labelOf(labels, SNAPSHOT_REF);
    if (!target) return this.#create(snapshot, options);
    const obtained = await this.#targets.obtain(snapshot, target, options);
    if (obtained.state === 'staged') {
      const row = this.#store.stage(snapshot, obtained.layer);
      return this.#orNone(row, async () => this.mounts(key, options));
    }
    if (obtained.state === 'missing')
      return this.#create({ ...snapshot, isApart: obtained.isApart }, options);
    throw new CodedError(
      'already_exists',
      `Cannot prepare snapshot ${key}: target snapshot ${target}: already exists`,
    );
  }

  /** Makes a read-only view of `parent`. */
  async view(key: string, parent: string, labels: Labels = {}, options: Waiting = {}): Promise<Mount[]> {
    return this.#create({ key, parent, kind: 'view', labels }, options);
  }

  /** The mounts of an active snapshot or a view, as at its making; `failed_precondition` for a committed one. */
  async mounts(key: string, options: Waiting = {}): Promise<Mount[]> {
    const row = this.#store.get(key);
    if (row.info.kind === 'committed') {
      throw new CodedError('failed_precondition', `Cannot mount snapshot ${key}: it is committed`, {
        cure: 'Make a view of it, and mount that',
      });
    }
    const chain = this.#store.queries.chain(row.id);
    return this.#mounts.of(row, await this.#lower.resolve(row.diffId ? chain : chain.slice(1), options));
  }

  /** Turns active `key` into committed `name`; its labels are replaced. `parent` is for a snapshot made without one. */
  commit(
    name: string,
    key: string,
    options: { readonly labels?: Labels; readonly parent?: string } = {},
  ): void {
    const { labels = {}, parent = '' } = options;
    this.#removals.later(this.#store.commit(name, key, { labels, parent }));
  }

  /** Frees the key at once, the disk a little later. */
  remove(key: string): void {
    this.#removals.later(this.#store.remove(key).id);
  }

  stat(key: string): Info {
    return this.#store.get(key).info;
  }

  /** Changes labels: all, or those that `fieldPaths` (`labels`, `labels.<key>`) name. */
  update(info: Pick<Info, 'name' | 'labels'>, fieldPaths: readonly string[] = []): Info {
    return this.#store.update(info, fieldPaths);
  }

  /** Snapshots that match any of `filters` (see parseFilters); holds no lock between two of them. */
  walk(filters: readonly string[] = []): Iterable<Info> {
    return this.#store.queries.walk(filters);
  }

  /** What the snapshot occupies, without its parents. Walks the directory, of a committed one only the first time. */
  async usage(key: string, options: Waiting = {}): Promise<Usage> {
    const row = this.#store.get(key);
    const layer = row.diffId ? await this.#layers.usage(row.diffId) : NOTHING;
    const directory = await this.#directoryUsage(row, options);
    return { sizeBytes: layer.sizeBytes + directory.sizeBytes, inodes: layer.inodes + directory.inodes };
  }

  /** Deletes what removed snapshots have left on the disk, and the layers that no snapshot refers to any more. */
  async cleanup(options: Waiting = {}): Promise<void> {
    await this.#removals.sweep(options);
    await this.#layers.retain((diffId) => this.#records.isReferenced(diffId));
  }

  /** The active snapshot that writes through these mounts go to, if it is one of ours. */
  snapshotAt(mounts: readonly Mount[]): { readonly id: number; readonly key: string } | undefined {
    const directory = writableDirectory(mounts);
    const id = directory === undefined ? undefined : this.#snapshots.idOf(directory, 'fs');
    const row = id === undefined ? undefined : this.#store.queries.byId(id);
    return row?.info.kind === 'active' ? { id: row.id, key: row.info.name } : undefined;
  }

  /**
   * Where the one snapshot keeps its changes that `right` shows and `left`, of its parent or empty without one, does not.
   * Undefined for mounts that are not ours, or not of a snapshot and its parent.
   */
  changesBetween(left: readonly Mount[], right: readonly Mount[]): SnapshotChanges | undefined {
    return this.#changes.between(left, right);
  }

  /**
   * Makes a converted layer the content of active `key`, which from now on mounts read-only; committing it takes no
   * scan. Throws `failed_precondition` when something else was put into it already.
   */
  attachLayer(key: string, diffId: Digest): void {
    const row = this.#store.active(key, 'attach a layer to');
    if (readdirSync(this.#lower.plainContent(row)).length > 0) {
      throw new CodedError(
        'failed_precondition',
        `Cannot attach a layer to snapshot ${key}: it is not empty`,
        {
          cure: 'Prepare a new snapshot for the layer',
        },
      );
    }
    this.#store.attach(key, diffId);
  }

  /** Layers of images that are kept as the files that containerd has unpacked, one snapshot of each chain, parents first. */
  plainSnapshots(): PlainSnapshot[] {
    return this.#plain.list();
  }

  /** Makes a converted layer the content of the plain snapshots of its chain; returns how many there were. */
  replacePlain(parentChainId: Digest | undefined, diffId: Digest): number {
    return this.#plain.replace(parentChainId, diffId);
  }

  /** Whether containerd has begun to unpack a layer within the last `withinMs`, and has not committed it yet. */
  isUnpacking(withinMs: number): boolean {
    return this.#plain.isUnpacking(withinMs);
  }

  /** Waits for the removal under way; what is left is removed at the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#removals.close();
    await this.#contents[Symbol.asyncDispose]();
    await this.#removals.settled();
  }

  async #create(snapshot: NewSnapshot, options: Waiting): Promise<Mount[]> {
    const parent = this.#store.checkNew(snapshot);
    const idMapping = await this.#agreedMapping(snapshot, options);
    const lower = await this.#lower.resolve(parent ? this.#store.queries.chain(parent.id) : [], options);
    options.signal?.throwIfAborted();
    const [top] = lower;
    if (snapshot.kind === 'view' && top !== undefined) {
      const view = this.#store.create({ ...snapshot, idMapping }, () => undefined);
      return this.#orNone(view, async () => this.#mounts.of(view, lower));
    }
    await using directory = this.#contents.create(attributesOfRoot(top, idMapping));
    const row = this.#store.create({ ...snapshot, idMapping }, (id) => directory.place(id));
    directory.keep();
    return this.#orNone(row, async () => this.#mounts.of(row, lower));
  }

  /** A snapshot that cannot be mounted is not made. */
  async #orNone(row: SnapshotRow, mounts: () => Promise<Mount[]>): Promise<Mount[]> {
    try {
      return await mounts();
    } catch (reason) {
      this.remove(row.info.name);
      throw reason;
    }
  }

  async #directoryUsage(row: SnapshotRow, options: Waiting): Promise<Usage> {
    if (row.info.kind === 'view' || (row.diffId && !row.isReplaced)) return NOTHING;
    if (row.usage) return row.usage;
    const directory = row.isReplaced ? this.#snapshots.path(row.id) : this.#lower.plainContent(row);
    const usage = await diskUsage(directory, options);
    if (row.info.kind === 'committed') this.#records.setUsage(row.id, usage);
    return usage;
  }

  /** containerd that does not leave it to us has made a copy with other owners, and names the mapping all the same. */
  async #agreedMapping({ labels }: NewSnapshot, options: Waiting): Promise<IdMapping | undefined> {
    const mapping = idMappingOf(labels);
    return mapping && (await this.#terms?.leavesIdsToUs(options)) ? mapping : undefined;
  }
}

interface OpenedState extends Root {
  readonly mapped: MappedDirectories | undefined;
  readonly store: SnapshotStore;
  readonly records: DiskRecords;
  readonly missing: readonly { readonly id: number; readonly key: string }[];
}
