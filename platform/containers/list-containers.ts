import { cgroupOf } from './cgroup-of.ts';
import { readNotes, type RunNotes } from './container-labels.ts';
import { findContainer } from './find-container.ts';
import type { ContainerLogs } from './container-logs.ts';
import type { Container, Containerd, Task, TaskStatus } from './ports.ts';
import { unlessMissing } from './unless-missing.ts';

/** What there is to know of a container and of its task. Times are ISO 8601. */
export interface ContainerSummary extends RunNotes {
  readonly id: string;
  readonly namespace: string;
  readonly image: string;
  readonly snapshotter: string;
  readonly snapshotKey: string;
  /** See cgroupOf(). */
  readonly cgroup: string | undefined;
  readonly createdAt: string;
  /** `none`: it has no task, and never had one that Lade knows of. */
  readonly state: TaskStatus | 'none';
  readonly pid?: number;
  readonly hasLogs: boolean;
}

interface Parts {
  readonly containerd: Containerd;
  readonly logs: ContainerLogs;
  readonly signal: AbortSignal;
}

/** Throws `not_found`. */
export async function inspectContainer(
  id: string,
  namespace: string,
  { containerd, logs, signal }: Parts,
): Promise<ContainerSummary> {
  const { tasks } = containerd.inNamespace(namespace);
  const record = await findContainer(id, { namespace, signal }, containerd);
  const hasLogs = (await logs.files(namespace, id)).length > 0;
  return { namespace, hasLogs, ...summarise(record, await unlessMissing(tasks.get(id, { signal }))) };
}

export async function listContainers(
  namespace: string,
  { containerd, logs, signal }: Parts,
): Promise<ContainerSummary[]> {
  const { containers, tasks } = containerd.inNamespace(namespace);
  const [records, running] = await Promise.all([containers.list([], { signal }), tasks.list({ signal })]);
  const byId = new Map(running.map((task) => [task.containerId, task]));
  return Promise.all(
    records.map(async (record) => {
      const hasLogs = (await logs.files(namespace, record.id)).length > 0;
      return { namespace, hasLogs, ...summarise(record, byId.get(record.id)) };
    }),
  );
}

function summarise(
  record: Container,
  task: Task | undefined,
): Omit<ContainerSummary, 'namespace' | 'hasLogs'> {
  const { id, image, snapshotter, snapshotKey, createdAt } = record;
  const notes = readNotes(record);
  const ended = notes.exitStatus === undefined ? 'none' : 'stopped';
  return {
    id,
    image,
    snapshotter,
    snapshotKey,
    cgroup: cgroupOf(record.spec),
    createdAt: createdAt.toISOString(),
    state: task?.status ?? ended,
    ...notes,
    ...ofTask(task),
  };
}

function ofTask(task: Task | undefined): Partial<ContainerSummary> {
  if (!task) return {};
  const { pid, exit } = task;
  return exit ? { exitStatus: exit.exitStatus, exitedAt: exit.exitedAt.toISOString() } : { pid };
}
