import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isMountPoint, makePrivate, mount, mountMapped, unmount } from '@lade/linux';
import type { IdMapper } from '@lade/snapshots';

/** Maps ids by mounts of the kernel's. They are in a mount of their own: taken away one by one they would cost a millisecond each. */
export const idMapper: IdMapper = {
  async mount(folder, directories, mapping) {
    await mount({ type: 'tmpfs', source: 'lade', target: folder, options: ['mode=0711'] });
    await makePrivate(folder);
    const mounts = directories.map((source, i) => ({ source, target: join(folder, String(i)) }));
    // In memory: each hop to the thread pool would cost more.
    for (const { target } of mounts) mkdirSync(target, { mode: 0o711 });
    await mountMapped(mounts, mapping);
  },
  async unmount(folder) {
    while (await isMountPoint(folder)) await unmount(folder, { detach: true });
  },
};
