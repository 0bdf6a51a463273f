import { mkdtemp, open, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { wrapError } from '@lade/errors';
import { punchHole } from '@lade/linux';
import type { DiagnoseOptions, Outcome } from './doctor.ts';

/** f_type of statfs(2) → name. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0x0000_6969: 'nfs',
  0x0000_ef53: 'ext4',
  0x0102_1994: 'tmpfs',
  0x0102_1997: '9p',
  0x2fc1_2fc1: 'zfs',
  0x5846_5342: 'xfs',
  0x6573_5546: 'fuse',
  0x794c_7630: 'overlay',
  0x9123_683e: 'btrfs',
  0xf2f5_2010: 'f2fs',
};
/** Those that overlayfs takes as upper layer, and that hold sparse files. */
const PROVEN: readonly string[] = ['ext4', 'xfs', 'btrfs', 'f2fs'];

const LITTLE_BYTES = 10e9;
const TOO_LITTLE_BYTES = 0.5e9;
const LITTLE_INODES = 10_000;
const SPARSE_BYTES = 16 << 20;
const DATA_BYTES = 64 << 10;

/** A folder for probes on the root's file system, removed on disposal. Throws when none can be made there. */
export async function openProbeFolder(root: string): Promise<AsyncDisposable & { readonly path: string }> {
  const parent = await nearestFolder(root);
  try {
    const path = await mkdtemp(join(parent, '.lade-doctor-'));
    return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
  } catch (reason) {
    throw wrapError(reason, `Cannot write to ${parent}`, {
      cure: 'Choose another folder with --root, or make this one writable',
    });
  }
}

/** Overlay options have no way to hold these characters in every kernel. */
export async function examineRoot({ root }: DiagnoseOptions): Promise<Outcome> {
  if (/[,:\\]/.test(root)) {
    return {
      state: 'failed',
      found: `${root} has a comma, colon or backslash in it, which mount options cannot hold`,
      cure: 'Choose another folder with --root',
    };
  }
  await using probe = await openProbeFolder(root);
  const isThere = dirname(probe.path) === root;
  return { state: 'ok', found: isThere ? `${root} is writable` : `${root} can be made` };
}

export async function examineDisk({ root }: DiagnoseOptions): Promise<Outcome> {
  const { type, bsize, bavail, files, ffree } = await statfs(await nearestFolder(root));
  const name = FILE_SYSTEMS[type] ?? `file system 0x${type.toString(16)}`;
  const freeBytes = bavail * bsize;
  const inodes = files === 0 ? 'no limit of inodes' : `${ffree} free inodes`;
  const found = `${name}, ${(freeBytes / 1e9).toFixed(1)} GB free, ${inodes}`;
  if (freeBytes < TOO_LITTLE_BYTES)
    return { state: 'failed', found, cure: 'Make room, or choose another folder with --root' };
  if (freeBytes < LITTLE_BYTES || (files > 0 && ffree < LITTLE_INODES)) {
    return { state: 'warning', found, cure: 'Make room: layers and snapshots are kept here' };
  }
  if (PROVEN.includes(name)) return { state: 'ok', found };
  return { state: 'warning', found, cure: `Use one of ${PROVEN.join(', ')} for the root` };
}

/** Blobs are files with holes; a file system that fills them costs space and time. */
export async function examineSparseFiles({ root }: DiagnoseOptions): Promise<Outcome> {
  await using probe = await openProbeFolder(root);
  await using file = await open(join(probe.path, 'sparse'), 'w');
  const allocatedBytes = async (): Promise<number> => (await file.stat()).blocks * 512;
  await file.truncate(SPARSE_BYTES);
  await file.write(Buffer.alloc(DATA_BYTES, 1), 0, DATA_BYTES, SPARSE_BYTES / 2);
  await file.datasync();
  const written = await allocatedBytes();
  const punched = await punchHole(file.fd, SPARSE_BYTES / 2, DATA_BYTES).then(allocatedBytes, () => written);
  const found = `a file with ${DATA_BYTES >> 10} of ${SPARSE_BYTES >> 10} KiB written takes ${written >> 10} KiB`;
  const cure = 'Use a file system with sparse files for the root, such as ext4 or xfs';
  if (written >= SPARSE_BYTES / 2) return { state: 'warning', found, cure };
  if (punched >= written) return { state: 'warning', found: `${found}, also after a hole was punched`, cure };
  return { state: 'ok', found: `${found}, and less after a hole was punched` };
}

/** `path`, or what would become its parent. */
async function nearestFolder(path: string): Promise<string> {
  const isFolder = await stat(path).then(
    (there) => there.isDirectory(),
    () => false,
  );
  return isFolder || dirname(path) === path ? path : nearestFolder(dirname(path));
}
