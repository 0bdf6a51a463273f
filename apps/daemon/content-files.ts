import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerdClient } from '@lade/containerd-client';
import { hexOf, type Digest } from '@lade/oci';
import type { PullSource } from '@lade/streams';

const PLUGIN = 'type==io.containerd.content.v1';

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

/** Reads a file from its start. */
export function pullFile(file: FileHandle): PullSource {
  let position = 0; // others may read the same file
  return async (buffer) => {
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, position);
    position += bytesRead;
    return bytesRead;
  };
}
