import { randomBytes } from 'node:crypto';
import { CodedError } from '@lade/errors';
import { labelsAtStart } from './container-labels.ts';
import type { ContainerLogs } from './container-logs.ts';
import { createContainer, type ContainerSettings } from './create-container.ts';
import type { Containerd, NamespaceCalls, OpenPipes, Output, Pipes, Roots, TaskExit } from './ports.ts';
import { outputUntil } from './process-output.ts';
import { readLogs } from './read-logs.ts';
import { removeContainer } from './remove-container.ts';
import { openSession } from './process-session.ts';
import type { Sessions } from './sessions.ts';
import type { Supervisor } from './supervisor.ts';
import { unlessMissing } from './unless-missing.ts';

export interface RunRequest extends ContainerSettings {
  readonly image: string;
  readonly namespace: string;
  /** A random one when left out. */
  readonly id?: string;
  /** Somebody sends it input. */
  readonly input?: boolean;
  /** Nobody follows its output. */
  readonly detach?: boolean;
}

export type ProcessEvent =
  | { readonly kind: 'session'; readonly session: string }
  | ({ readonly kind: 'output' } & Output)
  | { readonly kind: 'exited'; readonly exitStatus: number };

export type RunEvent =
  | { readonly kind: 'created'; readonly id: string }
  | { readonly kind: 'started'; readonly id: string; readonly pid: number; readonly ms: number }
  | ProcessEvent;

export interface Parts {
  readonly containerd: Containerd;
  readonly roots: Roots;
  readonly openPipes: OpenPipes;
  readonly logs: ContainerLogs;
  readonly sessions: Sessions;
  readonly supervisor: Supervisor;
}

/** What a container that has been started leaves to be done. */
interface Started {
  readonly id: string;
  readonly exit: Promise<TaskExit>;
  readonly pipes: Pipes | undefined;
}

/**
 * Makes a container, starts it, and tells what it does. One that cannot be started is removed again. A consumer that leaves after the
 * start leaves it running.
 */
export async function* runContainer(
  request: RunRequest,
  parts: Parts,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  const begun = performance.now();
  const { namespace, id = randomBytes(6).toString('hex'), detach = false, terminal = false } = request;
  if (detach && (terminal || request.input)) {
    throw new CodedError(
      'invalid_argument',
      'Cannot run a container detached with a terminal or input: nobody would be there',
      {
        cure: 'Leave out one of the two',
      },
    );
  }
  const calls = parts.containerd.inNamespace(namespace);
  const image = await parts.containerd.image(request.image, { namespace, signal });
  await using undo = new AsyncDisposableStack();
  const rootfs = await createContainer(request, { ...parts, id, namespace, image, calls, signal });
  undo.defer(async () => unlessMissing(removeContainer(id, { namespace, force: true }, parts)));
  yield { kind: 'created', id };
  const pipes = await openPipesFor(request, parts);
  if (pipes) undo.use(pipes);
  const files = terminal ? {} : await parts.logs.create(namespace, id, { apart: !detach });
  await calls.tasks.create(id, { rootfs, ...files, ...pipes?.streams, terminal, signal });
  const exit = parts.supervisor.watch(namespace, id);
  const output =
    terminal || detach ? undefined : readLogs(await parts.logs.files(namespace, id), { until: exit, signal });
  const pid = await calls.tasks.start(id, { signal });
  const ms = performance.now() - begun;
  await unlessMissing(calls.containers.label(id, labelsAtStart(new Date(), ms)));
  undo.move();
  yield* follow({ id, exit, pipes }, { kind: 'started', id, pid, ms }, { calls, detach, output, parts });
}

async function openPipesFor(
  { terminal, input }: RunRequest,
  { openPipes }: Parts,
): Promise<Pipes | undefined> {
  if (terminal) return openPipes(['stdin', 'stdout']);
  return input ? openPipes(['stdin']) : undefined;
}

interface Following {
  readonly calls: NamespaceCalls;
  readonly detach: boolean;
  readonly output: AsyncIterable<Output> | undefined;
  readonly parts: Parts;
}

async function* follow(
  { id, exit, pipes }: Started,
  started: RunEvent,
  { calls, detach, output, parts }: Following,
): AsyncGenerator<RunEvent> {
  try {
    yield started;
    if (detach) return;
    using session = pipes && openSession(parts.sessions, { id, pipes, calls });
    if (session) yield { kind: 'session', session: session.id };
    for await (const piece of output ?? (pipes ? outputUntil(exit, pipes) : []))
      yield { kind: 'output', ...piece };
    const { exitStatus } = await exit;
    yield { kind: 'exited', exitStatus };
  } finally {
    if (pipes) void leave(pipes, exit);
  }
}

/** A terminal that nobody looks at any more must not hold its process up. */
async function leave(pipes: Pipes, exit: Promise<TaskExit>): Promise<void> {
  await using _pipes = pipes;
  try {
    for await (const _ of outputUntil(exit, pipes));
  } catch {
    // Nobody is there to hear of it.
  }
}
