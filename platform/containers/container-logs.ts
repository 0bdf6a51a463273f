import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Output, Streams } from './ports.ts';

/** Of each file: what is older is given up. */
const MAX_LOG_BYTES = 64 << 20;
const BLOCK_BYTES = 512;

/** Gives up the room of a range, and leaves the size of the file. */
export type PunchHole = (fd: number, offset: number, length: number) => Promise<void>;

/** Together in one file, in the order in which the shim has read them; or each in its own, so that they can be told apart. */
const FILES: Readonly<Record<string, Output['stream']>> = {
  'output.log': 'stdout',
  'stdout.log': 'stdout',
  'stderr.log': 'stderr',
};

export interface LogFile {
  readonly path: string;
  readonly stream: Output['stream'];
  /** What is older has been given up. */
  readonly maxBytes: number;
}

/** What containers write: files that their shims append to, whether the daemon runs or not. */
export class ContainerLogs {
  readonly #folder: string;
  readonly #punchHole: PunchHole;
  readonly #maxBytes: number;

  constructor(folder: string, punchHole: PunchHole, maxBytes = MAX_LOG_BYTES) {
    this.#folder = folder;
    this.#punchHole = punchHole;
    this.#maxBytes = maxBytes;
  }

  folderOf(namespace: string, id: string): string {
    return join(this.#folder, namespace, id);
  }

  /** Empty ones. */
  async create(namespace: string, id: string, { apart }: { readonly apart: boolean }): Promise<Streams> {
    const folder = this.folderOf(namespace, id);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const place = async (name: string): Promise<string> => {
      const path = join(folder, name);
      await using _file = await open(path, 'wx', 0o600);
      return path;
    };
    if (apart) return { stdout: await place('stdout.log'), stderr: await place('stderr.log') };
    const both = await place('output.log');
    return { stdout: both, stderr: both };
  }

  /** None for a container that Lade has not started, or that has a terminal. */
  async files(namespace: string, id: string): Promise<readonly LogFile[]> {
    const folder = this.folderOf(namespace, id);
    const names = await listFolder(folder);
    return names.flatMap((name) => {
      const stream = FILES[name];
      return stream === undefined ? [] : [{ path: join(folder, name), stream, maxBytes: this.#maxBytes }];
    });
  }

  async remove(namespace: string, id: string): Promise<void> {
    await rm(this.folderOf(namespace, id), { recursive: true, force: true });
  }

  /** Gives up what is too old, of all containers. */
  async trim(): Promise<void> {
    for (const namespace of await listFolder(this.#folder))
      for (const id of await listFolder(join(this.#folder, namespace)))
        for (const { path } of await this.files(namespace, id)) await this.#trimFile(path);
  }

  async #trimFile(path: string): Promise<void> {
    const { size, blocks } = await stat(path);
    if (blocks * BLOCK_BYTES <= this.#maxBytes + (this.#maxBytes >> 2)) return;
    await using file = await open(path, 'r+');
    await this.#punchHole(file.fd, 0, size - this.#maxBytes);
  }
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (reason) {
    const { code } = reason as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw reason;
  }
}
