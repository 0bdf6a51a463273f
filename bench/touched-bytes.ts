import { execFile } from 'node:child_process';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readMounts } from '@lade/linux';
import type { LadeNode } from '@lade/tour';
import type { BenchContext } from './benchmark.ts';
import { dropCaches } from './drop-caches.ts';
import { startContainer, type ContainerRequest } from './start-container.ts';

/** File bytes of an image, in pages, that the kernel read from its layers until a container was ready. */
export interface Touched {
  /** What the container itself asked for: the kernel's own reading ahead was switched off. */
  readonly touchedBytes: number;
  /** With the kernel reading ahead as it does. */
  readonly readAheadBytes: number;
}

/**
 * Counted by nobody but the kernel: what its page cache, empty before, holds of the node's layers when a container is ready.
 * The node must have the layers whole and mounted.
 */
export async function measureTouched(
  context: BenchContext,
  node: LadeNode,
  request: ContainerRequest,
): Promise<Touched> {
  const mounts = (await readMounts()).filter(
    ({ type, mountPoint }) => type === 'erofs' && mountPoint.startsWith(`${node.root}/`),
  );
  const start = async (): Promise<number> => {
    await dropCaches();
    await using _ready = await startContainer(context, request);
    return residentBytes(mounts.map(({ mountPoint }) => mountPoint));
  };
  const readAheadBytes = await start();
  await using _off = await switchReadAheadOff();
  return { touchedBytes: await start(), readAheadBytes };
}

const DEVICES = '/sys/class/bdi';

/** Of all EROFS mounts on the machine, since nothing tells which of these devices is of which mount. */
async function switchReadAheadOff(): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  for (const name of (await readdir(DEVICES)).filter((each) => each.startsWith('erofs-'))) {
    const file = join(DEVICES, name, 'read_ahead_kb');
    const before = await readFile(file, 'utf8');
    stack.defer(async () => writeFile(file, before).catch(ignoreUnmounted));
    await writeFile(file, '0').catch(ignoreUnmounted);
  }
  return stack.move();
}

function ignoreUnmounted(reason: unknown): void {
  if ((reason as NodeJS.ErrnoException).code !== 'ENOENT') throw reason;
}

const RESIDENT = 'find "$@" -xdev -type f -print0 | xargs -0r fincore --bytes --noheadings --output RES';

/** What the page cache holds of the files below these folders. */
async function residentBytes(folders: readonly string[]): Promise<number> {
  const limits = { maxBuffer: 64 << 20 };
  const { stdout } = await promisify(execFile)('sh', ['-c', RESIDENT, 'sh', ...folders], limits);
  return stdout.split('\n').reduce((sum, line) => sum + Number(line), 0);
}

/** What the blobs of a node take on its disk: raw bytes that were brought here, in pages. */
export async function filledBytes({ root }: LadeNode): Promise<number> {
  const entries = await readdir(join(root, 'layers'), { recursive: true, withFileTypes: true });
  const blobs = entries.filter((entry) => entry.isFile() && entry.name === 'blob');
  const sizes = await Promise.all(blobs.map(async ({ parentPath, name }) => stat(join(parentPath, name))));
  return sizes.reduce((sum, { blocks }) => sum + blocks * 512, 0);
}
