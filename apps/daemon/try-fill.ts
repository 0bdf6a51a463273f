import { closeSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BlockBits, BLOCK_BYTES } from '@lade/block-bits';
import { CodedError } from '@lade/errors';
import {
  createFanotifyGroup,
  createJournal,
  openFanotifyFiles,
  openFuseDevice,
  openFuseFiles,
} from '@lade/on-demand';
import { unmount } from '@lade/linux';
import type { OnDemandFile, OnDemandFiles } from '@lade/residency';
import { openProbeFolder } from './doctor-root.ts';
import { createErofsMounter } from './erofs-mounter.ts';
import type { GateKind } from './hold-gates.ts';
import { writeTinyLayer } from './tiny-layer.ts';

const TEXT = 'filled on demand';
const NUMBER = 0;

/**
 * Proves on a layer of one file, on the file system of `root`, that this kernel asks before it reads a hole, and waits for
 * the answer. Throws `unimplemented` where it does not: that cannot be told from version numbers.
 */
export async function tryFill(kind: GateKind, root: string): Promise<void> {
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
  await Promise.race([requireFills(files, source), failed.promise]);
}

async function requireFills(files: OnDemandFiles, folder: string): Promise<void> {
  const { metadata, blob: path, target } = await writeTinyLayer(folder, TEXT);
  const bits = new BlockBits(BLOCK_BYTES);
  const file: OnDemandFile = {
    number: NUMBER,
    path,
    sizeBytes: BLOCK_BYTES,
    bits,
    async fill() {
      await using blob = await open(path, 'r+');
      await blob.writeFile(TEXT);
      bits.resident.set(0, BLOCK_BYTES);
    },
    read() {},
    reached() {},
  };
  const mounter = createErofsMounter();
  const blob = await files.serve(file);
  try {
    await mounter.mount({ metadata, blob }, target, { mode: files.kind });
    await using mounted = new AsyncDisposableStack();
    mounted.defer(async () => mounter.unmount(target));
    if ((await readFile(join(target, 'file'), 'utf8')) === TEXT) return;
    throw new CodedError('unimplemented', 'this kernel reads without asking');
  } finally {
    await files.forget(NUMBER);
  }
}
