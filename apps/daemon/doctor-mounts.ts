import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, fromUnknown } from '@lade/errors';
import { mount, readMounts, unmount } from '@lade/linux';
import type { DiagnoseOptions, Outcome } from './doctor.ts';
import { openProbeFolder } from './doctor-root.ts';
import { createErofsMounter } from './erofs-mounter.ts';
import { writeTinyLayer, type TinyLayer } from './tiny-layer.ts';

const TEXT = 'lade doctor was here';

/** Mounts a layer of one small file, metadata image and blob, as the daemon does. */
export async function examineErofs({ root }: DiagnoseOptions): Promise<Outcome> {
  await using probe = await openProbeFolder(root);
  const layer = await writeTinyLayer(probe.path, TEXT);
  await writeFile(layer.blob, TEXT, { flag: 'r+' });
  try {
    const { text, source } = await readThroughMount(layer);
    if (text !== TEXT)
      throw new CodedError('data_loss', 'Cannot read a file of a mounted layer: its bytes are others');
    if (source === layer.metadata) return { state: 'ok', found: 'a layer was mounted from its files' };
  } catch (reason) {
    const cure = 'Load the kernel modules: modprobe erofs, modprobe loop; the kernel needs CONFIG_EROFS_FS';
    return { state: 'failed', found: fromUnknown(reason).message, cure };
  }
  return {
    state: 'warning',
    found: 'a layer was mounted, through loop devices',
    cure: 'Use Linux 6.12 or newer with CONFIG_EROFS_FS_BACKED_BY_FILE, and ext4 or xfs for the root, to save them',
  };
}

/** Writes and deletes through an overlay whose layers are on the root's file system. */
export async function examineOverlayfs({ root }: DiagnoseOptions): Promise<Outcome> {
  await using probe = await openProbeFolder(root);
  const place = (name: string): string => join(probe.path, name);
  for (const name of ['lower', 'upper', 'work', 'merged']) await mkdir(place(name));
  await writeFile(place('lower/old'), TEXT);
  const options = [`lowerdir=${place('lower')}`, `upperdir=${place('upper')}`, `workdir=${place('work')}`];
  try {
    await mount({ type: 'overlay', source: 'overlay', target: place('merged'), options });
    try {
      await writeFile(place('merged/new'), TEXT);
      await rm(place('merged/old'));
    } finally {
      await unmount(place('merged'), { detach: true });
    }
  } catch (reason) {
    const cure = 'Load the kernel module overlay, and keep the root on ext4, xfs or btrfs, not on an overlay';
    return { state: 'failed', found: fromUnknown(reason).message, cure };
  }
  const whiteout = await stat(place('upper/old'));
  if ((await readFile(place('upper/new'), 'utf8')) === TEXT && whiteout.isCharacterDevice()) {
    return { state: 'ok', found: 'a snapshot was mounted, written and deleted from' };
  }
  return {
    state: 'failed',
    found: 'what was written through a snapshot is not in its upper folder',
    cure: 'Keep the root on ext4, xfs or btrfs',
  };
}

async function readThroughMount({
  metadata,
  blob,
  target,
}: TinyLayer): Promise<{ text: string; source: string | undefined }> {
  const mounter = createErofsMounter();
  await mounter.mount({ metadata, blob }, target, { mode: 'full' });
  try {
    const mounts = await readMounts();
    const source = mounts.find(({ mountPoint }) => mountPoint === target)?.source;
    return { text: await readFile(join(target, 'file'), 'utf8'), source };
  } finally {
    await mounter.unmount(target);
  }
}
