import { close, fstat, read } from 'node:fs';
import { mkdir, mkdtemp, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CodedError, isCodedError } from '@lade/errors';
import type { Mount, Roots } from '@lade/containers';
import { mount, openInRoot, readMounts, unmount, type MountRequest } from '@lade/linux';
import type { UserFiles } from '@lade/oci';

/** No image has as many users. */
const MAX_FILE_BYTES = 1 << 20;

/**
 * Reads what images say of users, mounted below `folder`, which is cleared of what a daemon left that was killed. One at a time, and
 * never on the main thread: a layer that is read here may have to be filled by this very process, whose threads must not all wait
 * for it.
 */
export async function createContainerRoots(folder: string): Promise<Roots> {
  for (const { mountPoint } of await readMounts())
    if (mountPoint.startsWith(`${folder}/`)) await unmount(mountPoint, { detach: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) await rmdir(join(folder, name));
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = async (work: () => Promise<UserFiles>): Promise<UserFiles> => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
  return {
    usersOfMounts: async (mounts) => inTurn(async () => readMounted(mounts, folder)),
    usersOfProcess: async (pid) => inTurn(async () => readUsers(`/proc/${pid}/root`)),
  };
}

async function readMounted(mounts: readonly Mount[], folder: string): Promise<UserFiles> {
  const target = await mkdtemp(join(folder, 'root-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => rmdir(target));
  for (const part of mounts) {
    await mount({ ...forReading(part), target });
    stack.defer(async () => unmount(target, { detach: true }));
  }
  return await readUsers(target);
}

/** The same without what would be written to, so that nothing is in use when the container mounts it. */
function forReading({ type, source, options }: Mount): Omit<MountRequest, 'target'> {
  if (type !== 'overlay')
    return { type, source, options: [...options.filter((word) => word !== 'rw'), 'ro'] };
  const rest = options.filter((option) => !/^(?:upperdir|workdir)=/.test(option));
  const lower = rest.find((option) => option.startsWith('lowerdir='))?.slice('lowerdir='.length) ?? '';
  // overlayfs wants two at least.
  if (!/[^\\]:/.test(lower)) return { type: 'none', source: lower, options: ['rbind', 'ro'] };
  return { type, source, options: [...rest, 'ro'] };
}

async function readUsers(root: string): Promise<UserFiles> {
  return { passwd: await readText(root, 'etc/passwd'), group: await readText(root, 'etc/group') };
}

/** '' where there is none. */
async function readText(root: string, path: string): Promise<string> {
  let descriptor: number;
  try {
    descriptor = await openInRoot(root, path);
  } catch (reason) {
    if (isCodedError(reason, 'not_found') || isCodedError(reason, 'failed_precondition')) return '';
    throw reason;
  }
  try {
    const { size } = await promisify(fstat)(descriptor);
    if (size > MAX_FILE_BYTES) {
      throw new CodedError('resource_exhausted', `Cannot read the image’s /${path}: it has ${size} bytes`);
    }
    const { buffer, bytesRead } = await promisify(read)(descriptor, {
      buffer: Buffer.alloc(size),
      position: 0,
    });
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await promisify(close)(descriptor);
  }
}
