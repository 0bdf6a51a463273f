import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CodedError } from '@lade/errors';
import type { GateKind } from './hold-gates.ts';

const PROGRAM = fileURLToPath(new URL('try-fill-process.mjs', import.meta.url));
/** Far more than it takes: a kernel that lets a reader wait for ever is not one to fill by. */
const LIMIT_MS = 30_000;

/** Has another process try a way to fill on this kernel; throws `unimplemented`, with what it said, when that fails. */
export async function proveFill(kind: GateKind, root: string): Promise<void> {
  // With this process's flags: programs with other ones share no compile cache.
  const args = [...process.execArgv, PROGRAM, kind, root];
  const options = { timeout: LIMIT_MS, killSignal: 'SIGKILL' } as const;
  await new Promise<void>((resolve, reject) => {
    execFile(process.execPath, args, options, (error, _stdout, stderr) => {
      if (!error) return resolve();
      const why = error.killed ? `no answer within ${LIMIT_MS / 1000} s` : stderr || error.message;
      return reject(new CodedError('unimplemented', `Cannot fill by ${kind}: ${why}`));
    });
  });
}
