import assert from 'node:assert/strict';
import { ContainerdClient, type Labels, type Mount, type SnapshotsClient } from '@lade/containerd-client';
import { isAtLeast } from '@lade/containerd-config';
import { isCodedError } from '@lade/errors';
import { chainIds, type Descriptor, type Digest } from '@lade/oci';
import { fromBytes } from '@lade/streams';

/*
 * containerd's unpacker, and its metadata store below it, in one namespace, as Lade's socket sees them (core/unpack/unpacker.go,
 * core/metadata/snapshot.go of v2.2 to v2.4).
 */
const REF = 'containerd.io/snapshot.ref';
const GC_REFERENCE = 'containerd.io/gc.ref.snapshot.lade';

export interface UnpackedImage {
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly Digest[];
}

export interface UnpackerOptions {
  /** Lade's socket. */
  readonly address: string;
  /** Of a containerd whose content store and differ are used, if those are not Lade's. */
  readonly differ?: string;
  /** Of containerd. */
  readonly version: string;
  /** Whether it was told of the capability `rebase`, and of more than one unpack at a time. */
  readonly isSideBySide: boolean;
  /** What the registry answers. */
  readonly fetch: (layer: Digest) => Promise<Uint8Array>;
}

/** A snapshot as the metadata store has it. */
interface Known {
  /** To Lade. */
  readonly name: string;
  readonly parent: Digest | undefined;
  readonly labels: Labels;
}

interface Prepared {
  readonly i: number;
  readonly key: string;
  readonly labels: Labels;
  readonly mounts: readonly Mount[];
  readonly isStaged: boolean;
}

export class Unpacker implements Disposable {
  /** What was asked of the registry. */
  readonly fetched: Digest[] = [];
  /** How many layers were staged. */
  staged = 0;
  readonly #options: UnpackerOptions;
  readonly #client: ContainerdClient;
  readonly #differ: ContainerdClient;
  readonly #known = new Map<Digest, Known>();
  #sequence = 0;

  constructor(options: UnpackerOptions) {
    this.#options = options;
    const { address, differ = address } = options;
    this.#client = ContainerdClient.open({ address });
    this.#differ = ContainerdClient.open({ address: differ });
  }

  get snapshots(): SnapshotsClient {
    return this.#client.snapshots('lade');
  }

  /** Lade's name of an unpacked chain. */
  nameOf(chain: Digest | undefined): string {
    const known = chain && this.#known.get(chain);
    assert.ok(known, `${chain} is unpacked`);
    return known.name;
  }

  async unpack(image: UnpackedImage): Promise<void> {
    const { isSideBySide } = this.#options;
    const prepared: Prepared[] = [];
    for (const i of image.layers.keys()) {
      const layer = await this.prepare(image, i);
      if (!layer) continue;
      if (isSideBySide) prepared.push(layer);
      else await this.#apply(image, [layer]).then(async () => this.#commit(image, layer));
    }
    await this.#apply(image, prepared);
    for (const layer of prepared) await this.#commit(image, layer);
  }

  /** Undefined for a layer that exists. */
  async prepare({ diffIds }: UnpackedImage, i: number): Promise<Prepared | undefined> {
    const { version, isSideBySide } = this.#options;
    const chains = chainIds(diffIds);
    const [chain, below] = [chains[i], chains[i - 1]];
    assert.ok(chain);
    if (this.#known.has(chain)) return undefined;
    const labels: Record<string, string> = { [REF]: chain };
    if (isAtLeast(version, [2, 3])) {
      labels['containerd.io/snapshot/diff-id'] = diffIds[i] ?? '';
      if (below) labels['containerd.io/snapshot/parent-chain-id'] = below;
    }
    const parent = isSideBySide || !below ? '' : this.nameOf(below);
    const key = this.#number(`extract-${process.hrtime.bigint()}-abcd ${chain}`);
    try {
      const mounts = await this.snapshots.prepare(key, { parent, labels });
      const isStaged = isAtLeast(version, [2, 4]) && isReadOnly(mounts.at(-1));
      if (isStaged) this.staged++;
      return { i, key, labels, mounts, isStaged };
    } catch (reason) {
      if (!isCodedError(reason, 'already_exists')) throw reason;
      await this.#takeOver(chain, parent, labels);
      return undefined;
    }
  }

  /** Garbage collection with these images left. */
  async collect(images: readonly UnpackedImage[]): Promise<void> {
    const kept = new Map<Digest, Known>();
    const keep = (chain: Digest | undefined): void => {
      const known = chain && this.#known.get(chain);
      if (!known || kept.has(chain)) return;
      kept.set(chain, known);
      keep(known.parent);
      keep(known.labels[GC_REFERENCE] as Digest | undefined);
    };
    for (const { diffIds } of images) keep(chainIds(diffIds).at(-1));
    for (const chain of this.#known.keys()) if (!kept.has(chain)) this.#known.delete(chain);
    const seen = new Set([...kept.values()].map(({ name }) => name));
    const all = await Array.fromAsync(this.snapshots.list());
    const prune = async (name: string): Promise<void> => {
      for (const child of all) if (child.parent === name) await prune(child.name);
      if (name === '' || seen.has(name)) return;
      await this.snapshots.remove(name).catch((reason: unknown) => {
        if (!isCodedError(reason, 'failed_precondition')) throw reason;
      });
    };
    await prune('');
    await this.snapshots.cleanup();
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
    this.#differ[Symbol.dispose]();
  }

  /** What is fetched, all of it, is applied at the same time. */
  async #apply(image: UnpackedImage, prepared: readonly Prepared[]): Promise<void> {
    const missing = prepared.filter(({ isStaged }) => !isStaged);
    const [first] = missing;
    if (!first) return;
    const last = this.#options.isSideBySide ? undefined : first.i + 1;
    await Promise.all(image.layers.slice(first.i, last).map(async (layer) => this.#fetch(layer)));
    await Promise.all(
      missing.map(async ({ i, mounts }) => {
        const layer = image.layers[i];
        assert.ok(layer);
        const applied = await this.#differ.diff.apply(layer, mounts);
        assert.equal(applied.digest, image.diffIds[i]);
      }),
    );
  }

  async #fetch(layer: Descriptor): Promise<void> {
    this.fetched.push(layer.digest);
    await this.#differ.content.put(layer, fromBytes(await this.#options.fetch(layer.digest)));
  }

  async #commit({ diffIds }: UnpackedImage, { i, key, labels }: Prepared): Promise<void> {
    const chains = chainIds(diffIds);
    const [chain, below] = [chains[i], chains[i - 1]];
    assert.ok(chain);
    const name = this.#number(chain);
    const rebased = this.#options.isSideBySide && below ? { parent: this.nameOf(below) } : {};
    await this.snapshots.commit(name, key, { labels, ...rebased });
    this.#known.set(chain, { name, parent: below, labels });
  }

  /** A target that exists must be found with exactly the parent that was asked for. */
  async #takeOver(chain: Digest, parent: string, labels: Labels): Promise<void> {
    const filter = `labels."${REF}"==${chain},parent==${JSON.stringify(parent)}`;
    const found = await Array.fromAsync(this.snapshots.list([filter]));
    const target = found.find(
      (info) => info.kind === 'committed' && info.labels[REF] === chain && info.parent === parent,
    );
    assert.ok(target, `${chain} on ${parent || 'nothing'} exists`);
    const below = [...this.#known].find(([, { name }]) => name === parent)?.[0];
    const { name } = target;
    this.#known.set(chain, { name, parent: below, labels: { ...target.labels, ...labels } });
  }

  #number(key: string): string {
    return `default/${++this.#sequence}/${key}`;
  }
}

/** What containerd 2.4 takes for content that is there already. */
function isReadOnly(mount: Mount | undefined): boolean {
  if (!mount) return false;
  const options = mount.options.join(',').split(',');
  if (mount.type === 'erofs' || options.includes('ro')) return true;
  return mount.type === 'overlay' && !options.some((option) => option.startsWith('upperdir='));
}
