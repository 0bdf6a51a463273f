import { CodedError, isCodedError } from '@lade/errors';
import { attachLoop, mount, readMounts, unmount } from '@lade/linux';
import type { ErofsMounter } from '@lade/residency';

/** Mounts EROFS from plain files (Linux ≥ 6.12), or over loop devices where the kernel cannot. */
export function createErofsMounter(): ErofsMounter {
  return {
    async mount(metadata, blob, target) {
      try {
        await mount({ type: 'erofs', source: metadata, target, options: ['ro', `device=${blob}`] });
      } catch (reason) {
        if (!wantsBlockDevice(reason)) throw reason;
        await mountOverLoop(metadata, blob, target);
      }
    },
    async unmount(target) {
      try {
        await unmount(target);
      } catch (reason) {
        if (isCodedError(reason, 'not_found')) return;
        if (!isCodedError(reason, 'failed_precondition')) throw reason;
        await unmount(target, { detach: true });
      }
    },
    async mountPointsBelow(folder) {
      const mounts = await readMounts();
      return mounts.map(({ mountPoint }) => mountPoint).filter((path) => path.startsWith(`${folder}/`));
    },
  };
}

function wantsBlockDevice(reason: unknown): boolean {
  return reason instanceof CodedError && reason.details['errno'] === 'ENOTBLK';
}

/** The loop devices go with the mount: they are set to clear themselves. */
async function mountOverLoop(metadata: string, blob: string, target: string): Promise<void> {
  await using image = await attachLoop(metadata, { readOnly: true });
  await using device = await attachLoop(blob, { readOnly: true });
  await mount({ type: 'erofs', source: image.path, target, options: ['ro', `device=${device.path}`] });
}
