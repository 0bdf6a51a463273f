import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** SHA-256 of files, in hex, read by another process: one that waits must not wait for a thread of ours. */
export async function hashElsewhere(...paths: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run('sha256sum', paths);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.slice(0, 64));
}

/** One block, read by another process; rejects with what it said when it could not. */
export async function readBlockElsewhere(path: string, block: number, signal?: AbortSignal): Promise<string> {
  const { stdout } = await run('dd', [`if=${path}`, 'bs=4096', `skip=${block}`, 'count=1', 'status=none'], {
    signal,
    killSignal: 'SIGKILL',
  });
  return stdout;
}
