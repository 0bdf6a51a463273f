import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { CodedError, wrapError } from '@lade/errors';

export interface RunOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a program to its end in the C locale and returns its standard output as text. Throws `failed_precondition`
 * when it is not installed or does not exit with 0, naming the last line that it wrote to standard error.
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    env: { ...process.env, LC_ALL: 'C.UTF-8', LANG: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.on('error', (reason) => reject(notStarted(command, reason)));
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (status === 0) return stdout;
  throw new CodedError(
    'failed_precondition',
    `Cannot run ${command}: it ended with ${status}${lastLine(stderr)}`,
    {
      details: { command, args, status, stderr },
    },
  );
}

function notStarted(command: string, reason: Error): CodedError {
  if ((reason as NodeJS.ErrnoException).code !== 'ENOENT') return wrapError(reason, `Cannot run ${command}`);
  return new CodedError('failed_precondition', `Cannot run ${command}: it is not installed`, {
    cure: `Install the package that holds ${command}, or run on Debian or a system derived from it`,
    cause: reason,
  });
}

function lastLine(output: string): string {
  const line = output.trimEnd().split('\n').at(-1);
  return line ? `: ${line}` : '';
}
