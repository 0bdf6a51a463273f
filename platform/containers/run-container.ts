import { randomBytes } from 'node:crypto';
import { CodedError } from '@lade/errors';
import { labelsAtStart } from './container-labels.ts';
import type { ContainerLogs } from './container-logs.ts';
import { createContainer, type ContainerSettings } from './create-container.ts';
import type { Containerd, NamespaceCalls, OpenPipes, Output, Roots } from './ports.ts';
import { outputUntil } from './process-output.ts';
import { removeContainer } from './remove-container.ts';
import { openSession } from './process-session.ts';
import type { Sessions } from './sessions.ts';
import { startContainer, type StartedContainer } from './start-container.ts';
import type { Supervisor } from './supervisor.ts';
import { unlessMissing } from './unless-missing.ts';

const ID_BYTES = 6;

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
  const { namespace, id = randomBytes(ID_BYTES).toString('hex') } = request;
  checkCompany(request);
  const calls = parts.containerd.inNamespace(namespace);
  const image = await parts.containerd.image(request.image, { namespace, signal });
  await using undo = new AsyncDisposableStack();
  const rootfs = await createContainer(request, { ...parts, id, namespace, image, calls, signal });
  undo.defer(async () => unlessMissing(removeContainer(id, { namespace, force: true }, parts)));
  yield { kind: 'created', id };
  await using started = await startContainer(request, parts, { id, rootfs, calls, signal });
  undo.move();
  const ms = performance.now() - begun;
  await unlessMissing(calls.containers.label(id, labelsAtStart(new Date(), ms)));
  yield { kind: 'started', id, pid: started.pid, ms };
  if (!request.detach) yield* follow(id, started, { calls, parts, signal });
}

/** Nobody would be there to read from a terminal, or to send input. */
function checkCompany({ detach, terminal, input }: RunRequest): void {
  if (!detach || (!terminal && !input)) return;
  throw new CodedError('invalid_argument', 'Cannot run a container detached with a terminal or with input', {
    cure: 'Leave out one of the two',
  });
}

async function* follow(
  id: string,
  { exit, pipes, logs }: StartedContainer,
  {
    calls,
    parts,
    signal,
  }: { readonly calls: NamespaceCalls; readonly parts: Parts; readonly signal: AbortSignal },
): AsyncGenerator<ProcessEvent> {
  using session = pipes && openSession(parts.sessions, { id, pipes, calls });
  if (session) yield { kind: 'session', session: session.id };
  const output = logs ? logs.read({ until: exit, signal }) : pipes ? outputUntil(exit, pipes) : [];
  for await (const piece of output) yield { kind: 'output', ...piece };
  const { exitStatus } = await exit;
  yield { kind: 'exited', exitStatus };
}
