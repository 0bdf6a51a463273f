import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError, wrapError } from '@lade/errors';

/**
 * Waits for the exclusive lock on `file` (created with its folders when missing) and holds it until disposed, against
 * other processes and other callers in this one. It is flock(1) that holds it, so it is released when this process dies.
 */
export async function holdLock(
  file: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<AsyncDisposable> {
  const { signal } = options;
  await mkdir(dirname(file), { recursive: true });
  signal?.throwIfAborted();
  const holder = spawn('flock', ['--no-fork', file, 'sh', '-c', 'echo held; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const release = (): void => void holder.stdin.end();
  const giveUp = (): void => void holder.kill();
  const ended = once(holder, 'close');
  signal?.addEventListener('abort', giveUp);
  try {
    const held = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
    signal?.throwIfAborted();
    if (!held) throw new CodedError('unavailable', `Cannot lock ${file}: flock failed`);
  } catch (reason) {
    release();
    throw wrapError(reason, `Cannot lock ${file}`);
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
  return {
    async [Symbol.asyncDispose]() {
      release();
      await ended;
    },
  };
}
