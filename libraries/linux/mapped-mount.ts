import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { wrapError } from '@lade/errors';
import { callNow, cString, declare } from './libc.ts';
import { MS } from './mount-options.ts';
import { moveMount } from './mount-context.ts';

/** By number, the same on every architecture, for C libraries that do not wrap them yet. */
const SYS = { openTree: 428, mountSetattr: 442 } as const;
const openTree = declare('long syscall(long, long, const uint8_t *, long)');
const mountSetattr = declare('long syscall(long, long, const uint8_t *, long, const uint8_t *, long)');

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const O_CLOEXEC = 0o2_000_000;
const OPEN_TREE_CLONE = 1;
const MOUNT_ATTR = { rdonly: 1, idmap: 0x10_0000 } as const;

/** `<id inside>:<id on this machine>:<count>`, more after commas. */
export interface IdMaps {
  readonly uids: string;
  readonly gids: string;
}

/**
 * Makes each directory visible at its target too, read-only and without what is mounted below it, with the owners that it has
 * inside a user namespace (mount_setattr(2), Linux 5.12; EROFS 5.19). Throws the class of the errno; `invalid_argument` also
 * where the file system cannot do it. What was mounted before a failure stays.
 */
export async function mountMapped(
  mounts: readonly { readonly source: string; readonly target: string }[],
  maps: IdMaps,
): Promise<void> {
  const userNamespace = await openUserNamespace(maps);
  try {
    for (const mount of mounts) mountOne(mount, userNamespace);
  } finally {
    closeSync(userNamespace);
  }
}

function mountOne({ source, target }: { source: string; target: string }, userNamespace: number): void {
  const attempted = `Cannot mount ${source} on ${target} with mapped ids`;
  const flags = OPEN_TREE_CLONE | O_CLOEXEC;
  const tree = callNow(openTree, attempted, SYS.openTree, AT_FDCWD, cString(source), flags);
  try {
    const attributes = encodeAttributes(userNamespace);
    const place = [tree, cString(''), AT_EMPTY_PATH] as const;
    callNow(mountSetattr, attempted, SYS.mountSetattr, ...place, attributes, attributes.length);
    moveMount(tree, { type: 'copy of', source, target });
  } finally {
    closeSync(tree);
  }
}

/** struct mount_attr: four u64, attr_set, attr_clr, propagation, userns_fd. */
function encodeAttributes(userNamespace: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeBigUInt64LE(BigInt(MOUNT_ATTR.idmap | MOUNT_ATTR.rdonly), 0);
  bytes.writeBigUInt64LE(BigInt(MS.private), 16);
  bytes.writeBigUInt64LE(BigInt(userNamespace), 24);
  return bytes;
}

/** A namespace that nobody is in. A process with more than one thread, such as this one, cannot make one itself. */
async function openUserNamespace({ uids, gids }: IdMaps): Promise<number> {
  const inside = spawn('unshare', ['--user', 'cat']);
  try {
    await echoes(inside);
    writeFileSync(`/proc/${inside.pid}/uid_map`, formatMap(uids));
    writeFileSync(`/proc/${inside.pid}/gid_map`, formatMap(gids));
    return openSync(`/proc/${inside.pid}/ns/user`, 'r');
  } catch (reason) {
    throw wrapError(reason, 'Cannot make a user namespace', {
      cure: 'Install util-linux, and allow user namespaces: see /proc/sys/user/max_user_namespaces',
    });
  } finally {
    inside.stdin.end();
  }
}

/** Once it does, it is inside. */
async function echoes(child: ChildProcessWithoutNullStreams): Promise<void> {
  const complaint: Buffer[] = [];
  child.stderr.on('data', (bytes: Buffer) => complaint.push(bytes));
  // A child that ends early says why; the pipe to it breaks besides.
  child.stdin.on('error', () => {});
  const ended = once(child, 'close').then(() => {
    throw new Error(Buffer.concat(complaint).toString().trim() || 'unshare ended');
  });
  ended.catch(() => {});
  child.stdin.write('.');
  await Promise.race([once(child.stdout, 'data'), ended]);
}

function formatMap(map: string): string {
  return map
    .split(',')
    .map((extent) => `${extent.replaceAll(':', ' ')}\n`)
    .join('');
}
