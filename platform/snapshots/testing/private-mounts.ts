import { execFile } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Mount } from '../mount.ts';
import { compactLower } from '../stack-limits.ts';

const run = promisify(execFile);

/**
 * Mounts a snapshot the way containerd does, in a mount namespace that ends with the call, and runs a shell script in
 * it. Needs root. Returns what the script printed; rejects when it or a mount fails.
 */
export async function runMounted(mounts: readonly Mount[], script: string, work: string): Promise<string> {
  const point = await mkdtemp(join(work, 'mount-'));
  try {
    const commands = [...mounts.map((mount) => mountCommand(mount, point)), `cd ${quote(point)}`, script];
    const shell = ['sh', '-ec', `umask 0\n${commands.join('\n')}`];
    const { stdout } = await run('unshare', ['-m', '--propagation', 'private', ...shell], {
      maxBuffer: 2 ** 26,
    });
    return stdout;
  } finally {
    await rmdir(point);
  }
}

/** Runs a shell script in a plain directory. */
export async function runIn(directory: string, script: string): Promise<string> {
  const { stdout } = await run('sh', ['-ec', `umask 0\n${script}`], { cwd: directory, maxBuffer: 2 ** 26 });
  return stdout;
}

/** Shell script that prints everything about the tree at the working directory that two equal trees share. */
export const PRINT_TREE = `
find . -mindepth 1 -printf '%p %y %m %U %G %l\\n' | LC_ALL=C sort
find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum`;

function mountCommand({ type, source, options }: Mount, point: string): string {
  if (type === 'bind') {
    const bind = `mount --rbind ${quote(source)} ${quote(point)}`;
    return options.includes('ro') ? `${bind}\nmount -o remount,bind,ro ${quote(point)}` : bind;
  }
  const lowerdir = options.find((option) => option.startsWith('lowerdir=')) ?? 'lowerdir=';
  const others = options.filter((option) => option !== lowerdir);
  const compact = compactLower(lowerdir.slice('lowerdir='.length).split(':'), others);
  return `cd ${quote(compact.directory)}\nmount -t ${type} -o ${quote(compact.options.join(','))} ${source} ${quote(point)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
