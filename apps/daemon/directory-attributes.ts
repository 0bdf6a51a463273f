import { chmod, lchown, stat } from 'node:fs/promises';
import { getXattr, listXattrs, setTimes, setXattr } from '@lade/linux';
import type { DirectoryAttributes } from '@lade/snapshots';

const OPAQUE = 'trusted.overlay.opaque';
const PERMISSIONS = 0o7777n;

/** Directory attributes through the kernel, to the nanosecond and with xattrs. */
export const directoryAttributes: DirectoryAttributes = {
  async copyAttributes(from, to) {
    const stats = await stat(from, { bigint: true });
    await lchown(to, Number(stats.uid), Number(stats.gid));
    await chmod(to, Number(stats.mode & PERMISSIONS));
    for (const name of listXattrs(from)) {
      const value = name.startsWith('trusted.') ? undefined : getXattr(from, name);
      if (value) setXattr(to, name, value);
    }
    setTimes(to, { accessedNs: stats.atimeNs, modifiedNs: stats.mtimeNs });
  },
  async isOpaque(directory) {
    const value = getXattr(directory, OPAQUE);
    return value !== undefined && Buffer.from(value).toString() === 'y';
  },
};
