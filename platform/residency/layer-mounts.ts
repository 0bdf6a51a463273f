import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { wrapError } from '@lade/errors';
import { LAYER_FILES } from '@lade/layers';
import type { Digest } from '@lade/oci';
import { inSpan } from '@lade/tracing';
import type { FillModeName, FillModes, MountTarget } from './fill-mode.ts';

/** What is known of a mount, and of what will become of it. */
export interface MountManner {
  readonly mode: FillModeName;
  readonly started?: Promise<void>;
  readonly whole?: Promise<void>;
}

/** What residency asks of the kernel. */
export interface ErofsMounter {
  /** Mounts read-only, in a way that suits the mode, and changes with the end of the start; `blob` is the extra device. */
  mount(
    files: { readonly metadata: string; readonly blob: string },
    target: string,
    how: MountManner,
  ): Promise<void>;
  /** Unmounts; overlays that use the mount keep what they have. */
  unmount(target: string): Promise<void>;
  mountPointsBelow(folder: string): Promise<readonly string[]>;
}

interface MountedLayer {
  /** Names the mount point. */
  readonly number: number;
  readonly diffId: Digest;
}

/**
 * The mount points `<root>/mounts/<number><n|u|w>`: at most one EROFS mount per layer, shared by every snapshot. The name says
 * how the kernel has opened the blob, which no later daemon can change under a mount that is in use. It is short because an
 * overlay mount names all layers of a chain in one page.
 */
export class LayerMountPoints {
  readonly #folder: string;
  readonly #mounter: ErofsMounter;
  readonly #modes: FillModes;
  readonly #mounted = new Map<number, Promise<string>>();

  private constructor(folder: string, mounter: ErofsMounter, modes: FillModes) {
    this.#folder = folder;
    this.#mounter = mounter;
    this.#modes = modes;
  }

  /** Takes over the mounts that an earlier daemon left, if they are of the layers `known`; undoes the others. */
  static async open(
    folder: string,
    known: ReadonlySet<number>,
    ports: { readonly mounter: ErofsMounter; readonly modes: FillModes },
  ): Promise<LayerMountPoints> {
    const { mounter, modes } = ports;
    await mkdir(folder, { recursive: true, mode: 0o711 });
    const mounts = new LayerMountPoints(folder, mounter, modes);
    const mounted = await mounter.mountPointsBelow(folder);
    for (const name of await readdir(folder)) {
      const number = parseMountName(name)?.number;
      const path = join(folder, name);
      if (number === undefined) continue;
      if (!mounted.includes(path)) await rmdir(path);
      else if (known.has(number)) mounts.#mounted.set(number, Promise.resolve(path));
      else await remove(path, mounter);
    }
    return mounts;
  }

  /** The mode that the layer is mounted in, if it is. */
  async modeOf(number: number): Promise<FillModeName | undefined> {
    const path = await this.#mounted.get(number)?.catch(() => undefined);
    return path === undefined ? undefined : parseMountName(basename(path))?.mode;
  }

  /** The number of the layer whose mount point it is. */
  numberAt(directory: string): number | undefined {
    return dirname(directory) === this.#folder ? parseMountName(basename(directory))?.number : undefined;
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
    const attributes = { 'lade.diff_id': layer.diffId };
    const mounting = inSpan('mount layer', { attributes }, async () => this.#mount(layer, target));
    this.#mounted.set(number, mounting);
    mounting.catch(() => this.#mounted.delete(number));
    return mounting;
  }

  async unmount({ number, diffId }: MountedLayer): Promise<void> {
    const path = await this.#mounted.get(number)?.catch(() => undefined);
    if (path === undefined) return;
    const mode = parseMountName(basename(path))?.mode;
    this.#mounted.delete(number);
    await remove(path, this.#mounter);
    if (mode) await this.#modes.find(mode)?.detach(diffId);
  }

  async #mount({ number, diffId }: MountedLayer, find: () => Promise<MountTarget>): Promise<string> {
    const { current } = this.#modes;
    const path = join(this.#folder, `${number}${LETTERS[current.name]}`);
    try {
      await mkdir(path, { recursive: true, mode: 0o755 });
      const target = await find();
      const { kernelPath: blob, ...start } = await current.attach(target);
      const metadata = join(target.folder, LAYER_FILES.metadata);
      await this.#mounter.mount({ metadata, blob }, path, { mode: current.name, ...start });
      return path;
    } catch (reason) {
      await current.detach(diffId);
      await rmdir(path).catch(() => {});
      throw wrapError(reason, `Cannot mount layer ${diffId}`, {
        cure: 'Run lade doctor to see what this kernel lacks',
      });
    }
  }
}

/** Filled on notice, by user space, or whole. */
const LETTERS = { fanotify: 'n', fuse: 'u', full: 'w' } as const satisfies Record<FillModeName, string>;
const MODES = new Map<string | undefined, FillModeName>(
  (Object.entries(LETTERS) as [FillModeName, string][]).map(([mode, letter]) => [letter, mode]),
);

/** Undefined for what is no mount point of a layer. Earlier releases have left names such as `12-fanotify`. */
export function parseMountName(
  name: string,
): { readonly number: number; readonly mode: FillModeName } | undefined {
  const [, number, letter, word] = /^([1-9]\d*)(?:([nuw])|-(full|fanotify|fuse))$/.exec(name) ?? [];
  const mode = MODES.get(letter) ?? (word as FillModeName | undefined);
  return mode && { number: Number(number), mode };
}

async function remove(path: string, mounter: ErofsMounter): Promise<void> {
  await mounter.unmount(path);
  await rmdir(path);
}
