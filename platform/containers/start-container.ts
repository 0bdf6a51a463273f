import { openLogs, type OpenLogs } from './open-logs.ts';
import type { Mount, NamespaceCalls, Pipes, TaskExit } from './ports.ts';
import { outputUntil } from './process-output.ts';
import { refusedStart } from './refused-start.ts';
import type { Parts, RunRequest } from './run-container.ts';
import { unlessMissing } from './unless-missing.ts';

interface Place {
  readonly id: string;
  readonly rootfs: readonly Mount[];
  readonly calls: NamespaceCalls;
  readonly signal: AbortSignal;
}

/** A container that runs. Disposing leaves it alone. */
export interface StartedContainer extends AsyncDisposable {
  readonly pid: number;
  /** Resolves when it has ended, all its output is written, and it is removed if that was wished. */
  readonly exit: Promise<TaskExit>;
  /** With a terminal, or input. */
  readonly pipes: Pipes | undefined;
  /** Without a terminal, where somebody follows. */
  readonly logs: OpenLogs | undefined;
}

export async function startContainer(
  request: RunRequest,
  parts: Parts,
  place: Place,
): Promise<StartedContainer> {
  const { id, rootfs, calls, signal } = place;
  const { namespace, terminal = false, detach = false } = request;
  const { logs: allLogs, supervisor } = parts;
  await using stack = new AsyncDisposableStack();
  const pipes = await openPipes(request, parts);
  if (pipes) stack.use(pipes);
  const streams = terminal ? {} : await allLogs.create(namespace, id, { apart: !detach });
  // Before anything can remove them.
  const logs = terminal || detach ? undefined : stack.use(await openLogs(await allLogs.files(namespace, id)));
  try {
    await calls.tasks.create(id, { rootfs, ...streams, ...pipes?.streams, terminal, signal });
    const exit = supervisor.watch(namespace, id);
    const pid = await calls.tasks.start(id, { signal });
    stack.move();
    return {
      pid,
      exit,
      pipes,
      logs,
      async [Symbol.asyncDispose]() {
        await logs?.[Symbol.asyncDispose]();
        if (pipes) supervisor.keep(leave(id, { pipes, terminal, exit, calls }));
      },
    };
  } catch (reason) {
    throw refusedStart(reason, `container ${id}`);
  }
}

async function openPipes({ terminal, input }: RunRequest, parts: Parts): Promise<Pipes | undefined> {
  if (terminal) return parts.openPipes(['stdin', 'stdout']);
  return input ? parts.openPipes(['stdin']) : undefined;
}

interface Left {
  readonly pipes: Pipes;
  readonly terminal: boolean;
  readonly exit: Promise<TaskExit>;
  readonly calls: NamespaceCalls;
}

/** Nobody looks at its terminal any more, which must not hold it up, or sends it anything. */
async function leave(id: string, { pipes, terminal, exit, calls }: Left): Promise<void> {
  await using _pipes = pipes;
  if (!terminal) {
    pipes.end();
    await unlessMissing(calls.tasks.closeInput(id));
  }
  for await (const _ of outputUntil(exit, pipes));
  await exit;
}
