import { randomBytes } from 'node:crypto';
import { CodedError } from '@lade/errors';
import { execProcess, resolveUser, type ProcessSpec, type RuntimeSpec } from '@lade/oci';
import { findContainer } from './find-container.ts';
import type { NamespaceCalls, TerminalSize } from './ports.ts';
import { outputUntil } from './process-output.ts';
import { openSession } from './process-session.ts';
import { refusedStart } from './refused-start.ts';
import type { Parts, ProcessEvent } from './run-container.ts';
import { unlessMissing } from './unless-missing.ts';

const SIGKILL = 9;

export interface ExecRequest {
  readonly namespace: string;
  readonly args: readonly string[];
  readonly terminal?: boolean;
  readonly size?: TerminalSize;
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
}

/** Runs a further process in a container. A consumer that leaves ends it. Throws `failed_precondition` where none runs. */
export async function* execInContainer(
  id: string,
  request: ExecRequest,
  parts: Parts,
  signal: AbortSignal,
): AsyncGenerator<ProcessEvent> {
  const { namespace, terminal = false } = request;
  const calls = parts.containerd.inNamespace(namespace);
  const process = await processFor(id, request, { calls, parts, signal });
  const execId = `lade-${randomBytes(8).toString('hex')}`;
  await using stack = new AsyncDisposableStack();
  const pipes = stack.use(
    await parts.openPipes(terminal ? ['stdin', 'stdout'] : ['stdin', 'stdout', 'stderr']),
  );
  await calls.tasks.exec(id, { execId, process, ...pipes.streams, terminal, signal });
  stack.defer(() => parts.supervisor.keep(endProcess(id, execId, calls)));
  const exit = calls.tasks.wait(id, { execId, signal });
  exit.catch(() => {});
  try {
    await calls.tasks.start(id, { execId, signal });
  } catch (reason) {
    throw refusedStart(reason, `${request.args[0]} in container ${id}`);
  }
  using session = openSession(parts.sessions, { id, execId, pipes, calls });
  yield { kind: 'session', session: session.id };
  for await (const piece of outputUntil(exit, pipes)) yield { kind: 'output', ...piece };
  const { exitStatus } = await exit;
  yield { kind: 'exited', exitStatus };
}

async function processFor(
  id: string,
  { namespace, user, size, ...settings }: ExecRequest,
  {
    calls,
    parts,
    signal,
  }: { readonly calls: NamespaceCalls; readonly parts: Parts; readonly signal: AbortSignal },
): Promise<ProcessSpec> {
  const { spec } = await findContainer(id, { namespace, signal }, parts.containerd);
  const task = await unlessMissing(calls.tasks.get(id, { signal }));
  if (task?.status !== 'running') {
    throw new CodedError('failed_precondition', `Cannot run anything in container ${id}: it does not run`, {
      cure: 'Run one that does with lade run',
    });
  }
  const { process: first } = spec as RuntimeSpec;
  return execProcess(first, {
    ...settings,
    user: user === undefined ? undefined : resolveUser(user, await parts.roots.usersOfProcess(task.pid)),
    consoleSize: size && { width: size.columns, height: size.rows },
  });
}

/** Whatever has become of it. */
async function endProcess(id: string, execId: string, { tasks }: NamespaceCalls): Promise<void> {
  await tasks.kill(id, SIGKILL, { execId }).catch(() => {});
  await tasks.wait(id, { execId }).catch(() => {});
  await tasks.delete(id, { execId }).catch(() => {});
}
