import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import type { Outcome } from './doctor.ts';

/** Bit of CAP_SYS_ADMIN in a capability set. */
const SYS_ADMIN = 1n << 21n;

/** [major, minor] */
type KernelVersion = readonly [number, number];

/** EROFS with an extra device, which holds the file data of a layer. */
const EROFS_DEVICES: KernelVersion = [5, 16];
/** EROFS mounted from a file, without a loop device. */
const EROFS_FILES: KernelVersion = [6, 12];

export async function examinePrivileges(): Promise<Outcome> {
  const status = await readFile('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const canMount = (effective & SYS_ADMIN) !== 0n;
  if (process.geteuid?.() === 0 && canMount) return { state: 'ok', found: 'root, with CAP_SYS_ADMIN' };
  return {
    state: 'failed',
    found: canMount ? 'not root' : 'CAP_SYS_ADMIN is missing, which mounting needs',
    cure: 'Run as root; in a container, a privileged one',
  };
}

export async function examineKernel(): Promise<Outcome> {
  const found = `Linux ${release()}`;
  if (!isAtLeast(EROFS_DEVICES))
    return { state: 'failed', found, cure: `Use Linux ${EROFS_DEVICES.join('.')} or newer` };
  if (isAtLeast(EROFS_FILES)) return { state: 'ok', found };
  return {
    state: 'ok',
    found: `${found}; EROFS images are mounted through loop devices below ${EROFS_FILES.join('.')}`,
  };
}

function isAtLeast([major, minor]: KernelVersion): boolean {
  const [ours = 0, its = 0] = release()
    .split('.', 2)
    .map((part) => Number.parseInt(part, 10));
  return ours > major || (ours === major && its >= minor);
}
