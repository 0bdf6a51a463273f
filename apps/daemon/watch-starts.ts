import { chainName, preparedName } from '@lade/containerd-services';
import type { EventLog } from '@lade/event-log';
import type { Logger } from '@lade/log';
import { TaskStarts, type Level, type PullTimes, type Start } from '@lade/starts';
import type { KnownTraces } from '@lade/tracing';
import type { ContainerdNode } from './containerd-node.ts';
import type { Observation } from './observe.ts';
import type { Platform } from './open-platform.ts';
import { createTaskSource } from './task-source.ts';

interface Parts {
  readonly node: ContainerdNode;
  readonly snapshotter: string;
  readonly pulls: PullTimes;
  readonly traces: KnownTraces;
  readonly events: EventLog;
  readonly timings: Pick<Observation['timings'], 'starts'>;
  readonly log: Logger;
}

/** Records the starts of containers until it is disposed. */
export function watchStarts(
  { layers, snapshotLevels, reads, starts, startSpans }: Platform,
  { node, snapshotter, pulls, traces, events, timings, log }: Parts,
): TaskStarts {
  const levels = (
    namespace: string,
    key: string,
  ): { readonly createdAt: Date; readonly levels: readonly Level[] } | undefined => {
    const found = snapshotLevels(namespace, key);
    if (!found) return undefined;
    const rows = new Map(layers.list().map((row) => [row.diffId, row]));
    return {
      createdAt: found.createdAt,
      levels: found.levels.map(({ diffId, chainId }) => ({ chainId, layer: diffId && rows.get(diffId) })),
    };
  };
  const tasks = createTaskSource(node, snapshotter);
  const tell = (start: Start, traceId: string | undefined): void => {
    timings.starts.count(start.kind, 'ok', start.ms);
    events.tell('container.started', {
      ...eventOf(start),
      ...(traceId === undefined ? {} : { traceId }),
    });
  };
  return new TaskStarts({
    tasks,
    levels,
    reads,
    table: starts,
    pulls,
    spans: startSpans,
    causes: (namespace, snapshotKey, chainId) =>
      [preparedName(`${namespace}/${snapshotKey}`), chainName(chainId)].flatMap(
        (name) => traces.find(name) ?? [],
      ),
    tell,
    log,
  });
}

function eventOf(start: Start): Readonly<Record<string, unknown>> {
  const { kind, namespace, container, image, startedAt, ms, pullMs, waits, waitMs, filledBytes } = start;
  return {
    container,
    namespace,
    image,
    start: kind,
    startedAt: startedAt.toISOString(),
    ms,
    ...(pullMs === undefined ? {} : { pullMs }),
    waits,
    waitMs,
    bytes: filledBytes,
  };
}
