import { execFileSync } from 'node:child_process';
import type { ContainerCalls, OutputEvent, RunEvent } from '@lade/control-protocol';
import { isCodedError } from '@lade/errors';
import type { ExitCode } from './command.ts';
import { writeOutput } from './write-output.ts';

/** As much as a request may carry. */
const PIECE_BYTES = 32 << 10;

interface AttachOptions {
  readonly containers: ContainerCalls;
  /** Whether what comes in here goes to the process. */
  readonly interactive: boolean;
  readonly terminal: boolean;
}

/**
 * Connects this program's input, output and terminal with a process until that ends; its exit status. The terminal is as it was
 * before, however this ends.
 */
export async function attach(
  events: AsyncIterable<RunEvent | OutputEvent>,
  { containers, interactive, terminal }: AttachOptions,
): Promise<ExitCode> {
  using connection = new DisposableStack();
  for await (const event of events) {
    if (event.kind === 'output') await writeOutput(event);
    else if (event.kind === 'session') {
      if (terminal) connection.use(followSize(containers, event.session));
      if (terminal && interactive) connection.use(rawInput());
      if (interactive) connection.use(forwardInput(containers, event.session));
      else if (!terminal) await endInput(containers, event.session);
    } else if (event.kind === 'exited') return event.exitStatus;
  }
  return 0;
}

/**
 * Every key goes to the process, Ctrl-C as well, and nothing is changed on its way out: setRawMode() would add carriage returns,
 * which full-screen programs do not expect.
 */
function rawInput(): Disposable {
  const saved = stty('-g').trim();
  const restore = (): void => void stty(saved);
  const leave = (signal: NodeJS.Signals): void => {
    restore();
    process.kill(process.pid, signal);
  };
  const signals = ['SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGINT'] as const;
  stty('raw', '-echo');
  process.once('exit', restore);
  for (const signal of signals) process.once(signal, leave);
  return {
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, leave);
      process.off('exit', restore);
      restore();
    },
  };
}

function stty(...settings: readonly string[]): string {
  return execFileSync('stty', settings, { stdio: ['inherit', 'pipe', 'inherit'], encoding: 'utf8' });
}

function followSize(containers: ContainerCalls, session: string): Disposable {
  const { stdout } = process;
  const tell = (): void => {
    const { columns, rows } = stdout;
    // The next change may be told again; a process that has ended has no size.
    if (columns && rows) containers.resize(session, { columns, rows }).catch(() => {});
  };
  tell();
  stdout.on('resize', tell);
  return { [Symbol.dispose]: () => void stdout.off('resize', tell) };
}

function forwardInput(containers: ContainerCalls, session: string): Disposable {
  const forwarding = (async () => {
    for await (const bytes of process.stdin as AsyncIterable<Buffer>)
      for (let start = 0; start < bytes.byteLength; start += PIECE_BYTES)
        await containers.write(session, bytes.subarray(start, start + PIECE_BYTES));
    await endInput(containers, session);
  })();
  // The stream of its events tells what became of it.
  forwarding.catch(() => process.stdin.destroy());
  return { [Symbol.dispose]: () => void process.stdin.destroy() };
}

/** A process may end before it is told. */
async function endInput(containers: ContainerCalls, session: string): Promise<void> {
  try {
    await containers.write(session, new Uint8Array());
  } catch (reason) {
    if (!isCodedError(reason, 'not_found')) throw reason;
  }
}
