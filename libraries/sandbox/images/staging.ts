import { spawn } from 'node:child_process';
import { mkdir, readdir, rmdir, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '@lade/debian';
import { CodedError } from '@lade/errors';

/** Top-level folders that Debian merged into /usr: symbolic links in the base, never folders in a layer above. */
const MERGED = ['bin', 'lib', 'lib64', 'sbin'];

/** Seconds since 1970: what is newer gets this time, so that the same packages give the same layer. */
const LATEST_TIME = Date.UTC(2026, 0, 1) / 1000;

/** tar joins the file trees of packages, each entry with its owner and mode; a folder that is there stays as it is. */
const UNPACK = `
set -o pipefail
cd "$1" && shift
for file; do
  dpkg-deb --fsys-tarfile "$file" |
    tar --extract --preserve-permissions --same-owner --numeric-owner --keep-directory-symlink --no-overwrite-dir
done`;

/** Unpacks .deb files into an empty folder as one tree with a merged /usr. */
export async function stagePackages(
  folder: string,
  files: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  for (const name of MERGED) {
    await mkdir(join(folder, 'usr', name), { recursive: true });
    await symlink(`usr/${name}`, join(folder, name));
  }
  await runProgram('bash', ['-e', '-c', UNPACK, 'bash', folder, ...files], { signal });
}

/** Leaves in `folder` only what a layer above the base brings. */
export async function removeMergedLinks(folder: string): Promise<void> {
  for (const name of MERGED) {
    await unlink(join(folder, name));
    await rmdir(join(folder, 'usr', name)).catch(ignoreNotEmpty);
  }
}

function ignoreNotEmpty(reason: unknown): void {
  if ((reason as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw reason;
}

/** The tree below `folder` as a tar, sorted by name, with a folder entry before what is in it. */
export async function* packFolder(folder: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const names = (await readdir(folder)).sort();
  const how = ['--create', '--format=gnu', '--sort=name', '--numeric-owner'];
  const when = ['--clamp-mtime', `--mtime=@${LATEST_TIME}`];
  const what = names.length > 0 ? names : ['--files-from=/dev/null'];
  const child = spawn('tar', [...how, ...when, `--directory=${folder}`, ...what], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(signal === undefined ? {} : { signal }),
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  yield* child.stdout as AsyncIterable<Uint8Array>;
  const status = await ended;
  if (status !== 0) throw new CodedError('internal', `Cannot pack ${folder}: tar ended with ${status}`);
}
