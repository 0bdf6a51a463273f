import { CodedError, isCodedError } from '@lade/errors';
import { attachLoop, mount, readMounts, unmount } from '@lade/linux';
import type { ErofsMounter, FillModeName } from '@lade/residency';
import { mountReadingLittle } from './read-ahead-device.ts';

/** How EROFS opens the files of a layer. */
interface Manner {
  /** An option that spares the page cache a second copy of the blob, where the kernel knows it. */
  readonly wish?: 'directio';
  readonly overLoop: 'if needed' | 'never';
}

const MANNERS: Readonly<Record<FillModeName, Manner>> = {
  full: { overLoop: 'if needed' },
  // Loop devices read without asking: holes would be read as zeros.
  fanotify: { overLoop: 'never' },
  // Also, requests are as large as EROFS makes them then, whatever the read-ahead of the FUSE file.
  fuse: { wish: 'directio', overLoop: 'if needed' },
};

interface Files {
  readonly metadata: string;
  readonly blob: string;
}

/** Mounts EROFS from plain files (Linux ≥ 6.12), or over loop devices where the kernel cannot. */
export function createErofsMounter(): ErofsMounter {
  return {
    async mount(files, target, { mode, started }) {
      const { wish, overLoop } = MANNERS[mode];
      try {
        const mounting = async (): Promise<void> => mountFiles(files, target, wish);
        await (started ? mountReadingLittle(mounting, started) : mounting());
      } catch (reason) {
        if (overLoop === 'never' || !hasErrno(reason, 'ENOTBLK')) throw reason;
        await mountOverLoop(files, target);
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

async function mountFiles({ metadata, blob }: Files, target: string, wish: Manner['wish']): Promise<void> {
  const request = { type: 'erofs', source: metadata, target };
  const options = ['ro', `device=${blob}`];
  try {
    await mount({ ...request, options: wish ? [...options, wish] : options });
  } catch (reason) {
    if (!wish || !hasErrno(reason, 'EINVAL')) throw reason;
    await mount({ ...request, options });
  }
}

function hasErrno(reason: unknown, errno: string): boolean {
  return reason instanceof CodedError && reason.details['errno'] === errno;
}

/** The loop devices go with the mount: they are set to clear themselves. */
async function mountOverLoop({ metadata, blob }: Files, target: string): Promise<void> {
  await using image = await attachLoop(metadata, { readOnly: true });
  await using device = await attachLoop(blob, { readOnly: true });
  await mount({ type: 'erofs', source: image.path, target, options: ['ro', `device=${device.path}`] });
}
