import { setTimeout as sleep } from 'node:timers/promises';
import { parseSignal } from '@lade/oci';
import { STOP_SIGNAL } from './container-labels.ts';
import { findContainer } from './find-container.ts';
import type { Containerd } from './ports.ts';
import { unlessMissing } from './unless-missing.ts';

const SIGKILL = 9;

export interface StopOptions {
  readonly namespace: string;
  /** Patience before SIGKILL. */
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** Resolves when it has ended; one that does not run is left as it is. Throws `not_found`. */
export async function stopContainer(
  id: string,
  { namespace, seconds, signal }: StopOptions,
  containerd: Containerd,
): Promise<void> {
  const { tasks } = containerd.inNamespace(namespace);
  const { labels } = await findContainer(id, { namespace, signal }, containerd);
  const task = await unlessMissing(tasks.get(id, { signal }));
  if (!task || task.status === 'stopped') return;
  const exit = unlessMissing(tasks.wait(id, { signal }));
  // What keeps it from being ended is told first.
  exit.catch(() => {});
  await unlessMissing(tasks.kill(id, parseSignal(labels[STOP_SIGNAL] ?? 'SIGTERM'), { signal }));
  const patience = new AbortController();
  try {
    const isOver = exit.then(() => true);
    const inTime = sleep(seconds * 1000, false, { signal: AbortSignal.any([signal, patience.signal]) });
    if (await Promise.race([isOver, inTime])) return;
    await unlessMissing(tasks.kill(id, SIGKILL, { all: true, signal }));
    await exit;
  } finally {
    patience.abort();
  }
}
