import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { ImageFiles } from './image-files.ts';

/** What Linux says of one path of a mounted tree; names and values in hex where they are bytes. */
export interface KernelInode {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedNs: string;
  readonly links: number;
  readonly ino: number;
  readonly size: number;
  readonly device: readonly [number, number];
  /** Null where it is listed and cannot be read. */
  readonly xattrs: Readonly<Record<string, string | null>>;
  /** A symlink's target, or the SHA-256 of a file's content if it has any. */
  readonly content: string | null;
}

/**
 * Mounts the layers (the last one on top, stacked by overlayfs if there are several) with mount(2) in a mount namespace that
 * dies with its process, walks them, and looks up names that do not exist. Prints one JSON line per path.
 */
const WALK = String.raw`
import ctypes, errno, hashlib, json, os, stat, sys
libc = ctypes.CDLL(None, use_errno=True)

def mount(source, target, kind, options):
    if libc.mount(source.encode(), target.encode(), kind.encode(), 1, options.encode()) != 0:
        code = ctypes.get_errno()
        if kind == 'erofs' and code in (errno.ENOTBLK, errno.ENODEV):
            sys.exit(77)
        raise OSError(code, 'mount ' + kind + ': ' + os.strerror(code))

def content(path, status):
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path).hex()
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        return None
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()

def xattr(path, name):
    try:
        return os.getxattr(path, name, follow_symlinks=False).hex()
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        return None

def show(root, path):
    status = os.lstat(path)
    print(json.dumps([path[len(root):].hex(), {
        'mode': status.st_mode, 'uid': status.st_uid, 'gid': status.st_gid, 'modifiedNs': str(status.st_mtime_ns),
        'links': status.st_nlink, 'ino': status.st_ino, 'size': status.st_size,
        'device': [os.major(status.st_rdev), os.minor(status.st_rdev)],
        'xattrs': {os.fsencode(name).hex(): xattr(path, name)
                   for name in os.listxattr(path, follow_symlinks=False)},
        'content': content(path, status)}]))
    if stat.S_ISDIR(status.st_mode):
        entries = {entry.name: entry for entry in os.scandir(path)}
        for name, entry in entries.items():
            child = os.path.join(path, name)
            found = os.lstat(child)
            assert len(layers) > 1 or entry.inode() == found.st_ino, child
            assert entry.is_symlink() == stat.S_ISLNK(found.st_mode), child
            assert entry.is_dir(follow_symlinks=False) == stat.S_ISDIR(found.st_mode), child
            absent = name[:254] + b'!'
            assert absent in entries or not os.path.lexists(os.path.join(path, absent)), child
        for name in sorted(entries):
            show(root, os.path.join(path, name))

layers = [json.loads(layer) for layer in sys.argv[2:]]
for layer in layers:
    mount(layer['image'], layer['mountPoint'], 'erofs', 'device=' + layer['blob'])
root = layers[-1]['mountPoint']
if len(layers) > 1:
    root = sys.argv[1]
    mount('overlay', root, 'overlay', 'lowerdir=' + ':'.join(layer['mountPoint'] for layer in reversed(layers)))
show(root.encode(), root.encode())
`;

const run = promisify(execFile);

/** The tree as Linux shows it, by path in hex (the root is ''); undefined after having skipped the test. */
export async function walkMounted(
  t: TestContext,
  ...layers: readonly ImageFiles[]
): Promise<Map<string, KernelInode> | undefined> {
  const parameters: string[] = [];
  for (const { folder, image, blob } of layers) {
    const mountPoint = join(folder, 'mount');
    await mkdir(mountPoint);
    parameters.push(JSON.stringify({ image, blob, mountPoint }));
  }
  const overlay = join(layers[0]?.folder ?? '', 'overlay');
  await mkdir(overlay);
  try {
    const walk = ['--mount', 'python3', '-c', WALK, overlay, ...parameters];
    const { stdout } = await run('unshare', walk, { maxBuffer: 2 ** 28 });
    return new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as [string, KernelInode]),
    );
  } catch (error) {
    const reason = reasonToSkip(error);
    if (reason === undefined || process.env['CI'] !== undefined) throw error;
    t.skip(reason);
    return undefined;
  }
}

function reasonToSkip(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  if (code === 77) return 'NOT TESTED: this kernel does not mount EROFS files';
  if (code === 'ENOENT') return 'NOT TESTED: unshare and python3 are needed';
  return process.getuid?.() === 0 ? undefined : 'NOT TESTED: mounting needs root';
}
