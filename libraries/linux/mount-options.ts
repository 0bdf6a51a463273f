/** mount(2) flags by the words of mount(8); a word in `CLEARING` undoes one. */
const FLAGS: Readonly<Record<string, number>> = {
  ro: 1,
  nosuid: 1 << 1,
  nodev: 1 << 2,
  noexec: 1 << 3,
  sync: 1 << 4,
  remount: 1 << 5,
  dirsync: 1 << 7,
  nosymfollow: 1 << 8,
  noatime: 1 << 10,
  nodiratime: 1 << 11,
  bind: 1 << 12,
  rbind: (1 << 12) | (1 << 14),
  relatime: 1 << 21,
  strictatime: 1 << 24,
  lazytime: 1 << 25,
};

const CLEARING: Readonly<Record<string, string>> = {
  rw: 'ro',
  suid: 'nosuid',
  dev: 'nodev',
  exec: 'noexec',
  async: 'sync',
  atime: 'noatime',
  diratime: 'nodiratime',
  norelatime: 'relatime',
  defaults: '',
};

export const MS = { remount: 1 << 5, bind: 1 << 12, rec: 1 << 14, private: 1 << 18 } as const;

/** mount(2) flags that fsmount(2) takes, with their value there (linux/mount.h, MOUNT_ATTR_*). */
const ATTRIBUTES: readonly (readonly [flag: number, attribute: number])[] = [
  [1, 0x1],
  [1 << 1, 0x2],
  [1 << 2, 0x4],
  [1 << 3, 0x8],
  [1 << 10, 0x10],
  [1 << 24, 0x20],
  [1 << 11, 0x80],
  [1 << 8, 0x200000],
];

export interface SplitOptions {
  /** MS_* bits. */
  readonly flags: number;
  /** What is left for the file system, in the order given. */
  readonly data: readonly string[];
}

/** Tells flags from the file system's own options; of contradicting words the last one counts. */
export function splitMountOptions(options: readonly string[]): SplitOptions {
  let flags = 0;
  const data: string[] = [];
  for (const option of options) {
    const flag = FLAGS[option];
    const cleared = CLEARING[option];
    if (flag !== undefined) flags |= flag;
    else if (cleared !== undefined) flags &= ~(FLAGS[cleared] ?? 0);
    else data.push(option);
  }
  return { flags, data };
}

export function mountAttributes(flags: number): number {
  return ATTRIBUTES.reduce((sum, [flag, attribute]) => ((flags & flag) === 0 ? sum : sum | attribute), 0);
}

/** Flags of the file system rather than of the mount: fsconfig(2) takes them as words. */
export function superblockWords(flags: number): string[] {
  return ['ro', 'sync', 'dirsync', 'lazytime'].filter((word) => (flags & (FLAGS[word] ?? 0)) !== 0);
}
