import { closeSync } from 'node:fs';
import { isCodedError, type CodedError } from '@lade/errors';
import { callLater, cString, declare } from './libc.ts';
import { createDetachedMount, moveMount } from './mount-context.ts';
import { MS, splitMountOptions } from './mount-options.ts';
import { unmount } from './unmount.ts';

const mountCall = declare(
  'int mount(const uint8_t *, const uint8_t *, const uint8_t *, unsigned long, const uint8_t *)',
);

/** mount(2) copies one page of options and cuts what is longer. */
const MAX_OPTION_BYTES = 4095;

/** A file system to mount, in the words of containerd's Mount and of mount(8). Texts are UTF-8, as in node:fs. */
export interface MountRequest {
  readonly type: string;
  /** A device, a folder, a file, or any name for a file system that needs none. */
  readonly source: string;
  readonly target: string;
  /** Flags (`ro`, `nosuid`, `bind` …) and the file system's own options (`lowerdir=/a:/b`) alike. */
  readonly options?: readonly string[];
}

/**
 * mount(2). Options that do not fit into its one page, or have a comma inside, go through fsopen(2) instead: long
 * `lowerdir` lists then layer by layer (Linux 6.8). A bind mount gets `ro` and its kind by the second call that the
 * kernel wants. Throws the class of the errno, `details.errno` naming it.
 */
export async function mount(request: MountRequest): Promise<void> {
  const { flags, data } = splitMountOptions(request.options ?? []);
  if ((flags & MS.bind) !== 0) return bind(request, flags);
  if (fitsMountCall(data)) return callMount(request, flags, data.join(','));
  const detached = await createDetachedMount(request, flags, data);
  try {
    moveMount(detached, request);
  } finally {
    closeSync(detached);
  }
}

/** Makes `source` visible at `target` too; with `recursive`, what is mounted below it as well. */
export function bindMount(
  source: string,
  target: string,
  options: { readonly readOnly?: boolean; readonly recursive?: boolean } = {},
): Promise<void> {
  const words = [options.recursive ? 'rbind' : 'bind', ...(options.readOnly ? ['ro'] : [])];
  return mount({ type: 'none', source, target, options: words });
}

/** Stops mounts and unmounts from travelling between `target`, a mount point, and its copies in other namespaces. */
export async function makePrivate(
  target: string,
  options: { readonly recursive?: boolean } = {},
): Promise<void> {
  const flags = MS.private | (options.recursive ? MS.rec : 0);
  await callLater(mountCall, `Cannot make ${target} private`, null, cString(target), null, flags, null);
}

/**
 * Whether this kernel would take the mount: the file system is opened and mounted nowhere, then dropped. Returns what
 * stood against it, if anything. For file systems, not for bind mounts.
 */
export async function tryMount(request: Omit<MountRequest, 'target'>): Promise<CodedError | undefined> {
  const { flags, data } = splitMountOptions(request.options ?? []);
  try {
    closeSync(await createDetachedMount(request, flags, data));
    return undefined;
  } catch (reason) {
    if (isCodedError(reason)) return reason;
    throw reason;
  }
}

function fitsMountCall(data: readonly string[]): boolean {
  return (
    !data.some((option) => option.includes(',')) && Buffer.byteLength(data.join(',')) <= MAX_OPTION_BYTES
  );
}

async function bind(request: MountRequest, flags: number): Promise<void> {
  const rest = flags & ~(MS.bind | MS.rec);
  await callMount(request, flags & (MS.bind | MS.rec), '');
  if (rest === 0) return;
  try {
    await callMount(request, rest | MS.bind | MS.remount, '');
  } catch (reason) {
    await unmount(request.target, { detach: true });
    throw reason;
  }
}

async function callMount({ type, source, target }: MountRequest, flags: number, data: string): Promise<void> {
  const attempted = `Cannot mount ${type} ${source} on ${target}`;
  const texts = [cString(source), cString(target), cString(type)] as const;
  await callLater(mountCall, attempted, ...texts, flags, cString(data));
}
