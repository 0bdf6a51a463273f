import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { sweep } from './sweep.ts';

/**
 * Has {@link sweep} done by another process as soon as this one dies without disposing of the result: by a signal, a
 * crash, or the end of the machine's memory. Until then that process is an idle shell.
 */
export async function sweepOnDeath(
  folder: string,
  address: string,
  env: NodeJS.ProcessEnv,
): Promise<AsyncDisposable> {
  const script = 'read -r _; exec "$@"';
  const sweeper = [process.execPath, fileURLToPath(import.meta.url), folder, address];
  const watchdog = spawn('sh', ['-c', script, 'sh', ...sweeper], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
    env,
  });
  await once(watchdog, 'spawn');
  const ended = once(watchdog, 'exit');
  return {
    async [Symbol.asyncDispose]() {
      watchdog.kill('SIGKILL');
      await ended;
    },
  };
}

if (import.meta.main) {
  const [folder = '', address = ''] = process.argv.slice(2);
  await sweep(folder, address);
}
