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
      else if (!terminal) await containers.write(event.session, new Uint8Array());
    } else if (event.kind === 'exited') return event.exitStatus;
  }
  return 0;
}

/** Every key goes to the process, Ctrl-C as well. */
function rawInput(): Disposable {
  const { stdin } = process;
  const restore = (): void => void stdin.setRawMode(false);
  const leave = (signal: NodeJS.Signals): void => {
    restore();
    process.kill(process.pid, signal);
  };
  const signals = ['SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGINT'] as const;
  stdin.setRawMode(true);
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
    await containers.write(session, new Uint8Array());
  })();
  forwarding.catch((reason: unknown) => {
    // The stream of its events tells how it ended.
    if (!isCodedError(reason, 'not_found')) process.stdin.destroy();
  });
  return { [Symbol.dispose]: () => void process.stdin.destroy() };
}
