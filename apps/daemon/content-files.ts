import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerdClient } from '@lade/containerd-client';
import { hexOf, type Digest } from '@lade/oci';

const PLUGIN = 'type==io.containerd.content.v1';
const READ_BYTES = 256 << 10;

/** containerd's content store as the folder that it is, for as long as it says so and this process can see it. */
export class ContentFiles {
  readonly #client: ContainerdClient;
  #folder: Promise<string | undefined> | undefined;

  constructor(client: ContainerdClient) {
    this.#client = client;
  }

  /** The blob's file, or undefined where there is none of exactly this size: read it over the wire then. */
  async open(
    digest: Digest,
    sizeBytes: number,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<FileHandle | undefined> {
    this.#folder ??= this.#find(options.signal);
    const folder = await this.#folder;
    if (folder === undefined) return undefined;
    const file = await open(join(folder, 'blobs', 'sha256', hexOf(digest))).catch(() => undefined);
    if (file && (await file.stat()).size === sizeBytes) return file;
    await file?.close();
    // Another containerd may serve the socket by now, with another folder.
    this.#folder = undefined;
    return undefined;
  }

  async #find(signal: AbortSignal | undefined): Promise<string | undefined> {
    try {
      const plugins = await this.#client.introspection.plugins([PLUGIN], signal ? { signal } : {});
      return plugins.find(({ id }) => id === 'content')?.exports['root'];
    } catch {
      this.#folder = undefined;
      return undefined;
    }
  }
}

/** The whole file, which is closed at the end. */
export async function* readWhole(file: FileHandle): AsyncGenerator<Uint8Array> {
  await using owned = file;
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const { bytesRead } = await owned.read(buffer, 0, READ_BYTES);
    if (bytesRead === 0) return;
    yield bytesRead === READ_BYTES ? buffer : buffer.subarray(0, bytesRead);
  }
}
