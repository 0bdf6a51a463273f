import type { DirectoryInode, FileInode, Inode, InodeAttributes, SymlinkInode } from '../index.ts';

export const UUID = Uint8Array.from({ length: 16 }, (_, index) => index + 1);

export function attributes(changes: Partial<InodeAttributes> = {}): InodeAttributes {
  const modified = { seconds: 1_700_000_000, nanoseconds: 123_456_789 };
  return { mode: 0o644, uid: 0, gid: 0, modified, xattrs: new Map(), ...changes };
}

export function directory(
  entries: Record<string, Inode> = {},
  changes?: Partial<InodeAttributes>,
): DirectoryInode {
  return {
    ...attributes({ mode: 0o755, ...changes }),
    kind: 'directory',
    entries: new Map(Object.entries(entries)),
  };
}

export function file(sizeBytes: number, blobBlock = 0, changes?: Partial<InodeAttributes>): FileInode {
  return { ...attributes(changes), kind: 'file', sizeBytes, blobBlock };
}

export function symlink(target: string, changes?: Partial<InodeAttributes>): SymlinkInode {
  return { ...attributes({ mode: 0o777, ...changes }), kind: 'symlink', target };
}

export function whiteout(): Inode {
  return { ...attributes({ mode: 0 }), kind: 'character-device', device: { major: 0, minor: 0 } };
}

/** A directory of `count` empty files. */
export function crowd(count: number): DirectoryInode {
  return directory(
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`entry-${index}`, file(0)])),
  );
}

/** All kinds, permissions, owners, times, names and xattrs that Linux shows, without hard links and large things. */
export function everyKind(): DirectoryInode {
  const acl = Uint8Array.of(2, 0, 0, 0, ...aclEntry(1, 7), ...aclEntry(4, 5), ...aclEntry(32, 5));
  const capabilities = Uint8Array.of(1, 0, 0, 2, 0, 4, ...new Uint8Array(14));
  return directory(
    {
      '\x80\xff not utf-8 \xc3': file(1),
      ['n'.repeat(255)]: file(1),
      ['\xff'.repeat(255)]: directory({ '!': file(1), '-': file(1), '..a': file(1), '.a': file(1) }),
      '\x01\n\t"\\': symlink('\xfe\x01 target'),
      setuid: file(1, 1, { mode: 0o4755 }),
      setgid: file(1, 1, { mode: 0o2755 }),
      sticky: directory({}, { mode: 0o1777 }),
      'mode-0': file(1, 1, { mode: 0 }),
      'mode-all': file(1, 1, { mode: 0o7777 }),
      'uid-large': file(1, 1, { uid: 65_536, gid: 4_294_967_294 }),
      'time-zero': file(1, 1, { modified: { seconds: 0, nanoseconds: 0 } }),
      'time-nanosecond': file(1, 1, { modified: { seconds: 0, nanoseconds: 1 } }),
      'time-before-1970': file(1, 1, { modified: { seconds: -1, nanoseconds: 999_999_999 } }),
      'time-1900': file(1, 1, { modified: { seconds: -2_208_988_800, nanoseconds: 0 } }),
      'time-far': file(1, 1, { modified: { seconds: 2 ** 33 + 5, nanoseconds: 7 } }),
      fifo: { ...attributes({ mode: 0o600 }), kind: 'fifo' },
      socket: { ...attributes({ mode: 0o700 }), kind: 'socket' },
      null: { ...attributes({ mode: 0o666 }), kind: 'character-device', device: { major: 1, minor: 3 } },
      disk: { ...attributes(), kind: 'block-device', device: { major: 4095, minor: 1_048_575 } },
      whiteout: whiteout(),
      opaque: directory({}, { xattrs: new Map([['trusted.overlay.opaque', Uint8Array.of(0x79)]]) }),
      xattrs: file(1, 1, {
        xattrs: new Map([
          ['user.empty', new Uint8Array()],
          ['user.\xe9', Uint8Array.of(0, 255)],
          ['trusted.a', Uint8Array.of(1, 2, 3)],
          ['security.capability', capabilities],
          ['system.posix_acl_access', acl],
        ]),
      }),
      'xattrs-large': symlink('elsewhere', {
        xattrs: new Map([['trusted.large', new Uint8Array(9_000).fill(9)]]),
      }),
      'acl-default': directory({}, { xattrs: new Map([['system.posix_acl_default', acl]]) }),
    },
    { mode: 0o750, uid: 12, gid: 34, xattrs: new Map([['user.root', Uint8Array.of(1)]]) },
  );
}

function aclEntry(tag: number, permissions: number): number[] {
  return [tag, 0, permissions, 0, 255, 255, 255, 255];
}
