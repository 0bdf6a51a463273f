import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { wrapError } from '@lade/errors';
import { LAYER_FILES } from '@lade/layers';
import type { Digest } from '@lade/oci';
import type { FillMode, MountTarget } from './fill-mode.ts';

/** What residency asks of the kernel. */
export interface ErofsMounter {
  /** Mounts read-only; `blob` is the extra device. */
  mount(metadata: string, blob: string, target: string): Promise<void>;
  /** Unmounts; overlays that use the mount keep what they have. */
  unmount(target: string): Promise<void>;
  mountPointsBelow(folder: string): Promise<readonly string[]>;
}

interface MountedLayer {
  /** Names the mount point. */
  readonly number: number;
  readonly diffId: Digest;
}

/** The mount points `<root>/mounts/<number>`: at most one EROFS mount per layer, shared by every snapshot. */
export class LayerMountPoints {
  readonly #folder: string;
  readonly #mounter: ErofsMounter;
  readonly #mode: FillMode;
  readonly #mounted = new Map<number, Promise<string>>();

  private constructor(folder: string, mounter: ErofsMounter, mode: FillMode) {
    this.#folder = folder;
    this.#mounter = mounter;
    this.#mode = mode;
  }

  /** Takes over the mounts that an earlier daemon left, if they are of the layers `known`; undoes the others. */
  static async open(
    folder: string,
    known: ReadonlySet<number>,
    ports: { readonly mounter: ErofsMounter; readonly mode: FillMode },
  ): Promise<LayerMountPoints> {
    const { mounter, mode } = ports;
    await mkdir(folder, { recursive: true, mode: 0o711 });
    const mounts = new LayerMountPoints(folder, mounter, mode);
    const mounted = await mounter.mountPointsBelow(folder);
    for (const name of (await readdir(folder)).filter((name) => /^\d+$/.test(name))) {
      const path = join(folder, name);
      if (!mounted.includes(path)) await rmdir(path);
      else if (known.has(Number(name))) mounts.#mounted.set(Number(name), Promise.resolve(path));
      else await remove(path, mounter);
    }
    return mounts;
  }

  /** Whether the layer is mounted, or about to be. */
  has(number: number): boolean {
    return this.#mounted.has(number);
  }

  /** The directory where the layer is mounted; mounts it, from what `target` gives, when it is not. */
  mount(layer: MountedLayer, target: () => Promise<MountTarget>): Promise<string> {
    const { number } = layer;
    const mounted = this.#mounted.get(number);
    if (mounted) return mounted;
    const mounting = this.#mount(layer, target);
    this.#mounted.set(number, mounting);
    mounting.catch(() => this.#mounted.delete(number));
    return mounting;
  }

  async unmount({ number, diffId }: MountedLayer): Promise<void> {
    const path = await this.#mounted.get(number)?.catch(() => undefined);
    if (path === undefined) return;
    this.#mounted.delete(number);
    await remove(path, this.#mounter);
    await this.#mode.detach(diffId);
  }

  async #mount({ number, diffId }: MountedLayer, find: () => Promise<MountTarget>): Promise<string> {
    const path = join(this.#folder, String(number));
    try {
      await mkdir(path, { recursive: true, mode: 0o755 });
      const target = await find();
      const blob = await this.#mode.attach(target);
      await this.#mounter.mount(join(target.folder, LAYER_FILES.metadata), blob, path);
      return path;
    } catch (reason) {
      await rmdir(path).catch(() => {});
      throw wrapError(reason, `Cannot mount layer ${diffId}`, {
        cure: 'Run lade doctor to see what this kernel lacks',
      });
    }
  }
}

async function remove(path: string, mounter: ErofsMounter): Promise<void> {
  await mounter.unmount(path);
  await rmdir(path);
}
