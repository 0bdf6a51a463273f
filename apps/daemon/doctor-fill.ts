import { fromUnknown } from '@lade/errors';
import type { DiagnoseOptions, Outcome } from './doctor.ts';
import { tryFill } from './try-fill.ts';

/** Fills a hole behind a mount, in each way that there is. */
export async function examineFillOnDemand({ root }: DiagnoseOptions): Promise<Outcome> {
  const failures: string[] = [];
  for (const kind of ['fanotify', 'fuse'] as const) {
    try {
      await tryFill(kind, root);
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
