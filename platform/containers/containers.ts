import { CodedError } from '@lade/errors';
import type { Logger } from '@lade/log';
import { isOurs } from './container-labels.ts';
import { ContainerLogs, type PunchHole } from './container-logs.ts';
import { execInContainer, type ExecRequest } from './exec-in-container.ts';
import { findContainer } from './find-container.ts';
import { inspectContainer, listContainers, type ContainerSummary } from './list-containers.ts';
import type { Containerd, OpenPipes, Output, Roots } from './ports.ts';
import { openLogs } from './open-logs.ts';
import { removeContainer, type RemoveOptions } from './remove-container.ts';
import {
  runContainer,
  type Parts,
  type ProcessEvent,
  type RunEvent,
  type RunRequest,
} from './run-container.ts';
import { Sessions } from './sessions.ts';
import { stopContainer, type StopOptions } from './stop-container.ts';
import { Supervisor } from './supervisor.ts';
import { unlessMissing } from './unless-missing.ts';

interface Scope {
  readonly namespace: string;
  readonly signal: AbortSignal;
}

export interface OpenContainersOptions {
  readonly containerd: Containerd;
  readonly roots: Roots;
  readonly openPipes: OpenPipes;
  /** Where logs are kept. */
  readonly folder: string;
  readonly punchHole: PunchHole;
  readonly log: Logger;
}

/** The containers of this node's containerd. Those that Lade starts outlive it; the next daemon sees them out. */
export class Containers implements AsyncDisposable {
  readonly sessions = new Sessions();
  readonly #parts: Parts;

  constructor({ folder, punchHole, log, ...ports }: OpenContainersOptions) {
    const logs = new ContainerLogs(folder, punchHole);
    const supervisor = new Supervisor({ containerd: ports.containerd, logs, log });
    this.#parts = { ...ports, logs, supervisor, sessions: this.sessions };
  }

  async list({ namespace, signal }: Scope): Promise<readonly ContainerSummary[]> {
    return listContainers(namespace, { ...this.#parts, signal });
  }

  /** Throws `not_found`. */
  async get(id: string, { namespace, signal }: Scope): Promise<ContainerSummary> {
    return inspectContainer(id, namespace, { ...this.#parts, signal });
  }

  run(request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent> {
    return runContainer(request, this.#parts, signal);
  }

  exec(id: string, request: ExecRequest, signal: AbortSignal): AsyncGenerator<ProcessEvent> {
    return execInContainer(id, request, this.#parts, signal);
  }

  /** With `follow` until the container has ended. Throws `not_found`, also for a container whose output is not kept. */
  async *logs(
    id: string,
    {
      namespace,
      tail,
      follow,
      signal,
    }: Scope & { readonly tail?: number | undefined; readonly follow: boolean },
  ): AsyncGenerator<Output> {
    const { containerd, logs, supervisor } = this.#parts;
    const { tasks } = containerd.inNamespace(namespace);
    const container = await findContainer(id, { namespace, signal }, containerd);
    const files = await logs.files(namespace, id);
    if (files.length === 0) {
      throw new CodedError('not_found', `Cannot read logs of container ${id}: none are kept`, {
        cure: 'They are of containers that lade run has started without a terminal',
      });
    }
    const runs =
      follow && isOurs(container) && (await unlessMissing(tasks.get(id, { signal }))) !== undefined;
    await using open = await openLogs(files, tail);
    yield* open.read({ signal, until: runs ? supervisor.watch(namespace, id) : undefined });
  }

  async stop(id: string, options: StopOptions): Promise<void> {
    await stopContainer(id, options, this.#parts.containerd);
    await this.#parts.supervisor.settled(options.namespace, id);
  }

  async remove(id: string, options: RemoveOptions): Promise<void> {
    await removeContainer(id, options, this.#parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.supervisor[Symbol.asyncDispose]();
  }
}
