import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { wrapError } from '@lade/errors';
import { LAYER_FILES } from '@lade/layers';
import type { FillMode, FillTarget } from './fill-mode.ts';

/** What residency asks of the kernel. */
export interface ErofsMounter {
  /** Mounts read-only; `blob` is the extra device. */
  mount(metadata: string, blob: string, target: string): Promise<void>;
  /** Unmounts; overlays that use the mount keep what they have. */
  unmount(target: string): Promise<void>;
  mountPointsBelow(folder: string): Promise<readonly string[]>;
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

  /** Takes over the mounts that an earlier daemon left. */
  static async open(folder: string, mounter: ErofsMounter, mode: FillMode): Promise<LayerMountPoints> {
    await mkdir(folder, { recursive: true, mode: 0o711 });
    const mounts = new LayerMountPoints(folder, mounter, mode);
    for (const path of await mounter.mountPointsBelow(folder)) {
      const number = Number(path.slice(folder.length + 1));
      if (Number.isSafeInteger(number)) mounts.#mounted.set(number, Promise.resolve(path));
    }
    return mounts;
  }

  /** The directory where layer `number` is mounted; mounts it when it is not. */
  mount(number: number, target: FillTarget): Promise<string> {
    const mounted = this.#mounted.get(number);
    if (mounted) return mounted;
    const mounting = this.#mount(number, target);
    this.#mounted.set(number, mounting);
    mounting.catch(() => this.#mounted.delete(number));
    return mounting;
  }

  async unmount(number: number, target: FillTarget): Promise<void> {
    const path = await this.#mounted.get(number)?.catch(() => undefined);
    if (path === undefined) return;
    this.#mounted.delete(number);
    await this.#mounter.unmount(path);
    await rmdir(path);
    await this.#mode.detach(target.index.header.diffId);
  }

  async #mount(number: number, target: FillTarget): Promise<string> {
    const path = join(this.#folder, String(number));
    const { diffId } = target.index.header;
    try {
      await mkdir(path, { recursive: true, mode: 0o755 });
      await this.#mounter.mount(
        join(target.folder, LAYER_FILES.metadata),
        await this.#mode.attach(target),
        path,
      );
      return path;
    } catch (reason) {
      throw wrapError(reason, `Cannot mount layer ${diffId}`, {
        cure: 'Run lade doctor to see what this kernel lacks',
      });
    }
  }
}
