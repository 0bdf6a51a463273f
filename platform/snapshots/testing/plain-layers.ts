import { execFile } from 'node:child_process';
import { mkdir, mkdtempDisposable, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { digestOf, type Digest } from '@lade/oci';
import { writableMounts } from '../mount.ts';
import type { DirectoryAttributes, LayerMounts } from '../ports.ts';
import { runIn, runMounted } from './private-mounts.ts';
import type { Usage } from '../snapshot.ts';

const run = promisify(execFile);

/** Layers that are plain directories, filled by shell scripts: real to overlay mounts, and free of any format. */
export class PlainLayers implements LayerMounts {
  readonly released: Digest[] = [];
  readonly #folder: string;
  readonly #layers = new Map<Digest, { directory: string; implied: readonly string[] }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Makes a layer from a script that runs in its root; with `over` in an overlay mount above these layers, top first,
   * so that the kernel leaves its own whiteouts and opaque directories.
   */
  async add(script: string, implied: readonly string[] = [], over: readonly Digest[] = []): Promise<Digest> {
    const directory = join(this.#folder, String(this.#layers.size + 1));
    await mkdir(directory, { recursive: true, mode: 0o755 });
    const fill = `umask 022\n${script}`;
    if (over.length === 0) await runIn(directory, fill);
    else await this.#addOver(directory, fill, over);
    const diffId = digestOf(directory);
    this.#layers.set(diffId, { directory, implied });
    return diffId;
  }

  async mount(diffId: Digest, options: { readonly signal?: AbortSignal }): Promise<string> {
    options.signal?.throwIfAborted();
    return this.#get(diffId).directory;
  }

  layerAt(directory: string): Digest | undefined {
    return [...this.#layers].find(([, layer]) => layer.directory === directory)?.[0];
  }

  async usage(diffId: Digest): Promise<Usage> {
    this.#get(diffId);
    return { sizeBytes: 4096, inodes: 7 };
  }

  async impliedDirectories(diffId: Digest): Promise<readonly string[]> {
    return this.#get(diffId).implied;
  }

  async retain(isReferenced: (diffId: Digest) => boolean): Promise<void> {
    for (const [diffId, { directory }] of this.#layers) {
      if (isReferenced(diffId)) continue;
      this.released.push(diffId);
      this.#layers.delete(diffId);
      await rm(directory, { recursive: true });
    }
  }

  async #addOver(directory: string, script: string, over: readonly Digest[]): Promise<void> {
    const lower = over.map((diffId) => this.#get(diffId).directory);
    await using work = await mkdtempDisposable(join(this.#folder, 'work-'));
    await runMounted(writableMounts(directory, work.path, lower, []), script, this.#folder);
  }

  #get(diffId: Digest): { directory: string; implied: readonly string[] } {
    const layer = this.#layers.get(diffId);
    if (layer) return layer;
    throw new Error(`no layer ${diffId}`);
  }
}

/** Attributes by way of GNU tar, which carries everything from the one directory to the other. */
export const TAR_ATTRIBUTES: DirectoryAttributes = {
  async copyAttributes(from, to) {
    const pack =
      "--no-recursion --format=posix --xattrs --xattrs-include='*' --xattrs-exclude='trusted.*' -c .";
    await shell(`tar -C ${word(from)} ${pack} | tar -C ${word(to)} --xattrs --xattrs-include='*' -xp`);
  },
  async isOpaque(directory) {
    const pack = '--no-recursion --xattrs --xattrs-include=trusted.overlay.opaque -c .';
    return (await shell(`tar -C ${word(directory)} ${pack}`)).includes('trusted.overlay.opaque=y');
  },
};

async function shell(script: string): Promise<string> {
  return (await run('sh', ['-ec', script], { encoding: 'latin1' })).stdout;
}

/** Any bytes as one word of a shell script. */
function word(bytes: Buffer): string {
  const octal = Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  return `"$(printf '${octal}')"`;
}
