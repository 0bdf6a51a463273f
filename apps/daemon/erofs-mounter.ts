import { CodedError, isCodedError } from '@lade/errors';
import { attachLoop, mount, readMounts, unmount } from '@lade/linux';
import type { ErofsMounter, FillModeName, MountManner } from '@lade/residency';
import { mountWithDevice, readAheadAsBelow, readAheadAsUsual, readLittleAhead } from './read-ahead-device.ts';

/** How EROFS reads the files of a layer. */
interface Manner {
  /**
   * From when on it reads past the page cache of the file system below, which has a second copy of what is read, and reads ahead by its
   * own lights. Not what was written just now: that would first have to go to the disk.
   */
  readonly direct: 'at once' | 'once started';
  readonly overLoop: 'if needed' | 'never';
}

const MANNERS: Readonly<Record<FillModeName, Manner>> = {
  full: { direct: 'once started', overLoop: 'if needed' },
  // Loop devices read without asking: holes would be read as zeros.
  fanotify: { direct: 'once started', overLoop: 'never' },
  // Also, requests are as large as EROFS makes them then, whatever the read-ahead of the FUSE file.
  fuse: { direct: 'at once', overLoop: 'if needed' },
};

const DIRECT = 'directio';

interface Files {
  readonly metadata: string;
  readonly blob: string;
}

/** Mounts EROFS from plain files (Linux ≥ 6.12), or over loop devices where the kernel cannot. */
export function createErofsMounter(): ErofsMounter {
  return {
    async mount(files, target, how) {
      const { direct, overLoop } = MANNERS[how.mode];
      try {
        const device = await mountWithDevice(async () => mountFiles(files, target, direct === 'at once'));
        if (!how.started) return;
        if (device !== undefined && how.mode !== 'full') await readLittleAhead(device);
        void followStart({ target, blob: files.blob, device }, how);
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

interface Mounted {
  readonly target: string;
  readonly blob: string;
  /** Tells how far the kernel reads ahead, where it is known. */
  readonly device: string | undefined;
}

/** What comes after a start is to be fast. */
async function followStart({ target, blob, device }: Mounted, how: MountManner): Promise<void> {
  await how.started;
  if (MANNERS[how.mode].direct === 'once started') await readDirectly(target);
  if (device === undefined) return;
  await readAheadAsUsual(device);
  if (!how.whole) return;
  await how.whole;
  await readAheadAsBelow(device, blob);
}

/** A wish, where the kernel does not know it. */
async function mountFiles({ metadata, blob }: Files, target: string, isDirect: boolean): Promise<void> {
  const request = { type: 'erofs', source: metadata, target };
  const options = ['ro', `device=${blob}`];
  try {
    await mount({ ...request, options: isDirect ? [...options, DIRECT] : options });
  } catch (reason) {
    if (!isDirect || !hasErrno(reason, 'EINVAL')) throw reason;
    await mount({ ...request, options });
  }
}

/** A wish: the mount may be gone, and the kernel may not know it. */
async function readDirectly(target: string): Promise<void> {
  await mount({ type: 'erofs', source: 'none', target, options: ['remount', 'ro', DIRECT] }).catch(() => {});
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
