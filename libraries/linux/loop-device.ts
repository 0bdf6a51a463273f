import { open, type FileHandle } from 'node:fs/promises';
import { CodedError, isCodedError, wrapError } from '@lade/errors';
import { callLater, declare } from './libc.ts';

const ioctl = declare('int ioctl(int, unsigned long, const uint8_t *)');
const getFreeLoop = declare('int ioctl(int, unsigned long)');
const LOOP_CTL_GET_FREE = 0x4c82;
const LOOP_CONFIGURE = 0x4c0a;
const FLAGS = { readOnly: 1, autoclear: 4, directIo: 16 } as const;

/** How often another process may take the free device between our asking and our using it. */
const MAX_TRIES = 32;

export interface LoopOptions {
  readonly readOnly?: boolean;
  /** Bypass the page cache of the file underneath, so that its bytes are not cached twice. */
  readonly directIo?: boolean;
}

export interface LoopDevice extends AsyncDisposable {
  /** Such as /dev/loop3. */
  readonly path: string;
}

/**
 * Makes a block device out of a file (loop(4), LOOP_CONFIGURE, Linux 5.8). It goes away by itself when the result is disposed
 * and nothing mounted from it is left, also when this process dies.
 */
export async function attachLoop(path: string, options: LoopOptions = {}): Promise<LoopDevice> {
  const attempted = `Cannot attach ${path} to a loop device`;
  try {
    await using file = await open(path, options.readOnly ? 'r' : 'r+');
    await using control = await open('/dev/loop-control', 'r+');
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const number = await callLater(getFreeLoop, 'Cannot find a free one', control.fd, LOOP_CTL_GET_FREE);
      const device = await configure(`/dev/loop${number}`, file.fd, options);
      if (device) return device;
    }
  } catch (reason) {
    throw wrapError(reason, attempted, { cure: 'Check that the kernel module loop is loaded' });
  }
  throw new CodedError('resource_exhausted', `${attempted}: others took each free one first`);
}

/** Undefined when somebody else has taken the device meanwhile. */
async function configure(path: string, fd: number, options: LoopOptions): Promise<LoopDevice | undefined> {
  const device = await open(path, options.readOnly ? 'r' : 'r+');
  try {
    await callLater(ioctl, `Cannot configure ${path}`, device.fd, LOOP_CONFIGURE, encodeConfig(fd, options));
    return new AttachedLoop(path, device);
  } catch (reason) {
    await device.close();
    if (isCodedError(reason) && reason.details['errno'] === 'EBUSY') return undefined;
    throw reason;
  }
}

/**
 * struct loop_config (linux/loop.h), 304 bytes, zero but for
 *
 * | offset | size | meaning                            |
 * | ------ | ---- | ---------------------------------- |
 * | 0      | 4    | descriptor of the file             |
 * | 4      | 4    | block size, 0 for 512              |
 * | 60     | 4    | flags: lo_flags of the info at 8   |
 */
function encodeConfig(fd: number, { readOnly = false, directIo = false }: LoopOptions): Buffer {
  const bytes = Buffer.alloc(304);
  bytes.writeUInt32LE(fd, 0);
  bytes.writeUInt32LE(
    FLAGS.autoclear | (readOnly ? FLAGS.readOnly : 0) | (directIo ? FLAGS.directIo : 0),
    60,
  );
  return bytes;
}

class AttachedLoop implements LoopDevice {
  readonly path: string;
  readonly #device: FileHandle;

  constructor(path: string, device: FileHandle) {
    this.path = path;
    this.#device = device;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#device.close();
  }
}
