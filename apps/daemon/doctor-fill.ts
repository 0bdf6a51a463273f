import { closeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fromUnknown } from '@lade/errors';
import {
  createFanotifyGroup,
  createJournal,
  openFanotifyFiles,
  openFuseDevice,
  openFuseFiles,
} from '@lade/on-demand';
import { unmount } from '@lade/linux';
import type { OnDemandFiles } from '@lade/residency';
import type { DiagnoseOptions, Outcome } from './doctor.ts';
import { openProbeFolder } from './doctor-root.ts';
import type { GateKind } from './hold-gates.ts';
import { requireFills } from './require-fills.ts';

/** Fills a hole behind a mount, in each way that there is. */
export async function examineFillOnDemand({ root }: DiagnoseOptions): Promise<Outcome> {
  const failures: string[] = [];
  for (const kind of ['fanotify', 'fuse'] as const) {
    try {
      await tryKind(kind, root);
      return { state: 'ok', found: `layers are filled by ${kind} while containers run` };
    } catch (reason) {
      failures.push(`${kind}: ${fromUnknown(reason).message}`);
    }
  }
  return {
    state: 'warning',
    found: `layers are fetched whole before their first start (${failures.join('; ')})`,
    cure: 'Use Linux 6.14 or newer with CONFIG_FANOTIFY_ACCESS_PERMISSIONS and ext4, xfs or btrfs for the root; or modprobe fuse',
  };
}

async function tryKind(kind: GateKind, root: string): Promise<void> {
  await using probe = await openProbeFolder(root);
  await using stack = new AsyncDisposableStack();
  const [source, mountPoint] = [join(probe.path, 'layers'), join(probe.path, kind)];
  for (const folder of [source, mountPoint]) await mkdir(folder);
  const device = stack.adopt(kind === 'fanotify' ? createFanotifyGroup() : openFuseDevice(), closeSync);
  const journal = stack.adopt(createJournal(), closeSync);
  stack.defer(async () => unmount(mountPoint, { detach: true }).catch(() => {}));
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const onFailed = failed.reject;
  const files: OnDemandFiles = stack.use(
    kind === 'fanotify'
      ? await openFanotifyFiles({ group: device, journal, watched: { source, mountPoint }, onFailed })
      : await openFuseFiles({ device, journal, mountPoint, onFailed }),
  );
  await Promise.race([requireFills(files, probe.path), failed.promise]);
}
