import { constants, openSync } from 'node:fs';
import { wrapError } from '@lade/errors';
import { callNow, declare } from './libc.ts';
import { mount } from './mount.ts';

const ioctl = declare('int ioctl(int, unsigned long, const uint8_t *)');
const BACKING_OPEN = 0x4010_e501;
const BACKING_CLOSE = 0x4004_e502;

/** Opens /dev/fuse, to be mounted once with `mountFuse` and read without waiting. The descriptor is the caller's to close. */
export function openFuseDevice(): number {
  try {
    return openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK);
  } catch (reason) {
    throw wrapError(reason, 'Cannot open /dev/fuse', { cure: 'Check that the kernel module fuse is loaded' });
  }
}

/** Mounts what answers at `device` read-only on `target`. The kernel's first request waits in the device from then on. */
export async function mountFuse(
  device: number,
  target: string,
  options: { readonly name: string; readonly maxReadBytes: number },
): Promise<void> {
  const { name, maxReadBytes } = options;
  await mount({
    type: `fuse.${name}`,
    source: name,
    target,
    options: [
      'ro',
      'nosuid',
      'nodev',
      `fd=${device}`,
      'rootmode=40000',
      'user_id=0',
      'group_id=0',
      'default_permissions', // by mode and owner, for whoever opens
      'allow_other', // for whoever reads what is mounted on top
      `max_read=${maxReadBytes}`,
    ],
  });
}

/** FUSE_DEV_IOC_BACKING_OPEN (Linux 6.9): an id under which an open may be passed through to the file `fd`. */
export function openBacking(device: number, fd: number): number {
  const map = Buffer.alloc(16);
  map.writeInt32LE(fd);
  return callNow(ioctl, 'Cannot pass a file through FUSE', device, BACKING_OPEN, map);
}

export function closeBacking(device: number, id: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(id);
  callNow(ioctl, 'Cannot stop passing a file through FUSE', device, BACKING_CLOSE, bytes);
}
