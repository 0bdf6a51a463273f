import { CodedError } from '@lade/errors';
import { SNAPSHOT_OF } from './container-labels.ts';
import type { ContainerLogs } from './container-logs.ts';
import { findContainer } from './find-container.ts';
import type { Containerd, NamespaceCalls } from './ports.ts';
import { unlessMissing } from './unless-missing.ts';

const SIGKILL = 9;

export interface RemoveOptions {
  readonly namespace: string;
  /** End it first when it runs. */
  readonly force?: boolean;
}

interface RemoveParts {
  readonly containerd: Containerd;
  readonly logs: ContainerLogs;
  /** Ends the tasks of some itself. */
  readonly supervisor?: { settled(namespace: string, id: string): Promise<void> };
}

/**
 * Task, snapshot and logs first, the record last, so that what was interrupted can be repeated under the same name. Throws
 * `not_found`, and `failed_precondition` for one that runs.
 */
export async function removeContainer(
  id: string,
  { namespace, force = false }: RemoveOptions,
  { containerd, logs, supervisor }: RemoveParts,
): Promise<void> {
  const calls = containerd.inNamespace(namespace);
  const { snapshotter, snapshotKey } = await findContainer(id, { namespace }, containerd);
  await killTask(id, force, calls);
  await supervisor?.settled(namespace, id);
  await unlessMissing(calls.tasks.delete(id));
  if (snapshotKey !== '') await unlessMissing(calls.snapshots(snapshotter).remove(snapshotKey));
  await logs.remove(namespace, id);
  await unlessMissing(calls.containers.delete(id));
}

async function killTask(id: string, force: boolean, { tasks }: NamespaceCalls): Promise<void> {
  const task = await unlessMissing(tasks.get(id));
  if (!task || task.status === 'stopped') return;
  if (!force) {
    throw new CodedError('failed_precondition', `Cannot remove container ${id}: it is ${task.status}`, {
      cure: `Stop it with lade stop ${id}, or have it ended with --force`,
    });
  }
  const exit = unlessMissing(tasks.wait(id));
  // What keeps it from being ended is told first.
  exit.catch(() => {});
  await unlessMissing(tasks.kill(id, SIGKILL, { all: true }));
  await exit;
}

/** What a run left that was killed between snapshot and record: nothing else has it. */
export async function removeLeftover(
  id: string,
  snapshots: ReturnType<NamespaceCalls['snapshots']>,
  containers: NamespaceCalls['containers'],
): Promise<boolean> {
  const left = await unlessMissing(snapshots.stat(id));
  if (left?.labels[SNAPSHOT_OF] !== id || (await unlessMissing(containers.get(id)))) return false;
  await unlessMissing(snapshots.remove(id));
  return true;
}
