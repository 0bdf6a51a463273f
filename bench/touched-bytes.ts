import { execFile } from 'node:child_process';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readMounts } from '@lade/linux';
import type { LadeNode } from '@lade/tour';
import type { BenchContext } from './benchmark.ts';
import { dropCaches } from './drop-caches.ts';
import { startContainer, type ContainerRequest } from './start-container.ts';

/**
 * File bytes that a container reads until it is ready, in pages, counted by nobody but the kernel: what its page cache holds
 * of the node's layers then, empty before and with the kernel's own reading ahead switched off. The node must have the
 * layers whole and mounted.
 */
export async function measureTouched(
  context: BenchContext,
  node: LadeNode,
  request: ContainerRequest,
): Promise<number> {
  const mounts = (await readMounts()).filter(
    ({ type, mountPoint }) => type === 'erofs' && mountPoint.startsWith(`${node.root}/`),
  );
  await using _off = await switchReadAheadOff();
  await dropCaches();
  await using _ready = await startContainer(context, request);
  return residentBytes(mounts.map(({ mountPoint }) => mountPoint));
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
