import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import type { Attributes, TraceContext } from '@lade/tracing';
import { groupName, isIn, NO_READS } from './container-reads.ts';
import { judgeStart, readBy, type BegunStart } from './judge-start.ts';
import type { ContainerRecord, Level, StartPorts, TaskEvent } from './ports.ts';
import type { PullTimes } from './pull-times.ts';
import type { StartSpan } from './start-span.ts';
import type { StartSpans } from './start-spans.ts';
import type { Start, StartFigures, StartTable } from './start-table.ts';

const RETRY_MS = 5_000;
const LOOK_MS = 250;
/** A task that is made so long after the snapshot was not made by the same request. */
const PAUSE_MS = 60_000;
/** Tasks that were made, and never start. */
const MAX_BEGUN = 1_024;

export interface TaskStartsOptions extends StartPorts {
  readonly table: StartTable;
  readonly pulls: PullTimes;
  readonly spans: StartSpans;
  /** The traces to which a start owes its snapshot and its layers. */
  readonly causes: (namespace: string, snapshotKey: string, chainId: Digest) => readonly TraceContext[];
  /** Called when a start is over, and will not change any more. `traceId`: of its spans, where it is told as such. */
  readonly tell: (start: Start, traceId: string | undefined) => void;
  readonly log: Logger;
  /**
   * What is waited for so long after it belongs to the start: a program reads most of what it needs when its task has been started.
   * Default 10 s.
   */
  readonly startMs?: number;
}

interface Begun extends BegunStart {
  readonly record: ContainerRecord;
  readonly chainId: Digest;
  readonly levels: readonly Level[];
  readonly createdAt: Date;
  readonly span: StartSpan | undefined;
  isStarted: boolean;
  readonly ended: AbortController;
}

/**
 * Records every start of a container with this snapshotter, whoever has asked containerd for it. What starts while no daemon runs, or
 * while containerd cannot be heard, is not known.
 */
export class TaskStarts implements AsyncDisposable {
  readonly #options: TaskStartsOptions;
  readonly #stop = new AbortController();
  /** By namespace and id: the last task of each container. */
  readonly #begun = new Map<string, Begun>();
  /** Names of the control groups of all containers. */
  readonly #groups = new Map<string, string>();
  readonly #following = new Set<Promise<void>>();
  readonly #work: Promise<void>;

  constructor(options: TaskStartsOptions) {
    this.#options = options;
    this.#work = this.#listen();
  }

  /** The names of the control groups of containers, for layersReadElsewhere(). */
  get groups(): ReadonlySet<string> {
    return new Set(this.#groups.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#work;
    await Promise.all(this.#following);
  }

  async #listen(): Promise<void> {
    const { tasks, log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for (const { namespace, id, cgroup } of await tasks.list(signal))
          this.#know(`${namespace}/${id}`, cgroup);
        for await (const event of tasks.events(signal)) await this.#take(event);
      } catch (error) {
        if (!signal.aborted) log.debug('starts of containers are not heard of', { error });
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #take(event: TaskEvent): Promise<void> {
    const { namespace, id, kind } = event;
    try {
      if (kind === 'recorded') await this.#forgetNamesake(event);
      else if (kind === 'created') await this.#begin(event);
      else if (kind === 'started') this.#start(event);
      else this.#end(event);
    } catch (error) {
      this.#options.log.debug('start of a container not recorded', { namespace, container: id, error });
    }
  }

  /** Nobody of the new container has read anything yet: what is known was read by an older one of that name. */
  async #forgetNamesake({ namespace, id }: TaskEvent): Promise<void> {
    const { tasks, reads, spans } = this.#options;
    const name = `${namespace}/${id}`;
    this.#begun.delete(name);
    const record = await tasks.find(namespace, id, this.#stop.signal);
    if (record?.cgroup === undefined) return;
    this.#know(name, record.cgroup);
    for (const [reader] of reads.entries()) if (isIn(reader, record.cgroup)) reads.forget(reader);
    spans.open(record.cgroup);
  }

  async #begin({ namespace, id, at }: TaskEvent): Promise<void> {
    const { tasks, levels: levelsOf, reads, table, spans } = this.#options;
    const name = `${namespace}/${id}`;
    const record = await tasks.find(namespace, id, this.#stop.signal);
    const found = record && levelsOf(namespace, record.snapshotKey);
    const chainId = found?.levels.at(-1)?.chainId;
    if (!found || !chainId) return;
    const { cgroup } = record;
    this.#know(name, cgroup);
    const { levels, createdAt } = found;
    const isAgain = this.#begun.has(name) || table.ofContainer(namespace, id, createdAt) !== undefined;
    const isOwn = !isAgain && at.getTime() - createdAt.getTime() < PAUSE_MS;
    remember(this.#begun, name, {
      record,
      chainId,
      levels,
      isFirst: table.isFirst(chainId, levels),
      begunAt: isOwn ? createdAt : at,
      cgroup,
      layers: new Set(levels.flatMap(({ layer }) => layer?.diffId ?? [])),
      before: isAgain ? readBy(reads, cgroup) : NO_READS,
      createdAt: at,
      span: cgroup === undefined ? undefined : spans.of(cgroup),
      isStarted: false,
      ended: new AbortController(),
    });
  }

  #start({ namespace, id, at }: TaskEvent): void {
    const begun = this.#begun.get(`${namespace}/${id}`);
    if (!begun) return;
    const { table, pulls } = this.#options;
    const { record, chainId, levels, begunAt } = begun;
    const pullMs = pulls.take(levels.flatMap((level) => level.chainId ?? []));
    const start: Start = {
      namespace,
      container: id,
      image: record.image,
      startedAt: at,
      ms: Math.max(0, at.getTime() - begunAt.getTime()),
      ...(pullMs === undefined ? {} : { pullMs }),
      ...this.#judge(begun),
      isOver: false,
    };
    begun.isStarted = true;
    const following = this.#follow(table.insert(chainId, levels, start), start, begun);
    this.#following.add(following);
    void following.finally(() => this.#following.delete(following));
  }

  /** A task that ends before it was started is no start; only its spans tell of it. */
  #end({ namespace, id }: TaskEvent): void {
    const begun = this.#begun.get(`${namespace}/${id}`);
    begun?.ended.abort();
    if (!begun || begun.isStarted) return;
    const { record } = begun;
    const failed = { namespace, container: id, image: record.image };
    this.#tellSpans(begun, { ...failed, ...this.#judge(begun), isOver: true }, undefined);
  }

  #tellSpans(
    { span, begunAt, createdAt, record, chainId }: Begun,
    start: StartFigures & Pick<Start, 'namespace' | 'container' | 'image'>,
    startedAt: Date | undefined,
  ): void {
    const { spans, causes } = this.#options;
    const { namespace, container, image } = start;
    const attributes: Attributes = {
      'container.id': container,
      'containerd.namespace': namespace,
      'lade.image': image,
    };
    span?.link(causes(namespace, record.snapshotKey, chainId));
    span?.end({ begunAt, createdAt, startedAt }, attributes, start);
    if (span) spans.close(span);
  }

  /** Until the start is over, its task has ended, or the daemon stops. */
  async #follow(number: number, start: Start, begun: Begun): Promise<void> {
    const { table, tell, log, startMs = 10_000 } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, begun.ended.signal]);
    const endsAt = performance.now() + startMs;
    let last = start;
    try {
      while (performance.now() < endsAt && !signal.aborted) {
        await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
        const now = { ...start, ...this.#judge(begun) };
        if (now.kind !== last.kind || now.waits !== last.waits) table.update(number, now);
        last = now;
      }
      if (this.#stop.signal.aborted) return;
      last = { ...last, isOver: true };
      table.update(number, last);
      this.#tellSpans(begun, last, last.startedAt);
      tell(last, begun.span?.traceId);
    } catch (error) {
      log.debug('start of a container not recorded', { container: start.container, error });
    }
  }

  #know(name: string, cgroup: string | undefined): void {
    if (cgroup !== undefined) remember(this.#groups, name, groupName(cgroup));
  }

  #judge(begun: Begun): ReturnType<typeof judgeStart> {
    return judgeStart(begun, this.#options.reads, this.groups);
  }
}

/** Bounded: the oldest goes. */
function remember<T>(map: Map<string, T>, name: string, value: T): void {
  map.delete(name);
  map.set(name, value);
  for (const oldest of map.keys()) {
    if (map.size <= MAX_BEGUN) return;
    map.delete(oldest);
  }
}
