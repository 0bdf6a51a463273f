import { constants } from 'node:os';
import type { Status } from '@lade/protocol';
import { Tasks } from '@lade/protocol/tasks';
import type { Connection, RequestOptions } from './connection.ts';
import { fromMounts, toDate, type Mount } from './translate.ts';

export interface Task {
  readonly containerId: string;
  readonly pid: number;
  readonly status: 'unknown' | 'created' | 'running' | 'stopped' | 'paused' | 'pausing';
}

export interface TaskExit {
  /** As waitpid(2) has it for shells: 128 and the signal's number for a process that was killed. */
  readonly exitStatus: number;
  readonly exitedAt: Date;
}

export interface CreateTaskOptions extends RequestOptions {
  /** Of the container's snapshot. */
  readonly rootfs: readonly Mount[];
  /** Absolute paths of fifos, or URIs such as file:///path for the outputs; none is /dev/null. */
  readonly stdin?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly terminal?: boolean;
}

const STATES = ['unknown', 'created', 'running', 'stopped', 'paused', 'pausing'] as const satisfies Record<
  Status,
  Task['status']
>;

/** The running containers of one namespace. All methods but list() throw `not_found` for one that has no task. */
export class TasksClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sets the container up without starting its process; returns the process id. Throws `already_exists`. */
  async create(
    containerId: string,
    { rootfs, stdin = '', stdout = '', stderr = '', terminal = false, ...options }: CreateTaskOptions,
  ): Promise<number> {
    const request = { containerId, rootfs: fromMounts(rootfs), stdin, stdout, stderr, terminal };
    return (await this.#connection.call(Tasks.method.create, request, options)).pid;
  }

  async start(containerId: string, options: RequestOptions = {}): Promise<number> {
    return (await this.#connection.call(Tasks.method.start, { containerId }, options)).pid;
  }

  /** Answers when the first process has ended. To miss nothing, call it before start(). */
  async wait(containerId: string, options: RequestOptions = {}): Promise<TaskExit> {
    const { exitStatus, exitedAt } = await this.#connection.call(Tasks.method.wait, { containerId }, options);
    return { exitStatus, exitedAt: toDate(exitedAt) };
  }

  /** With `all`, to every process of the container. */
  async kill(
    containerId: string,
    signalName: NodeJS.Signals,
    { all = false, ...options }: RequestOptions & { readonly all?: boolean } = {},
  ): Promise<void> {
    const request = { containerId, signal: constants.signals[signalName], all };
    await this.#connection.call(Tasks.method.kill, request, options);
  }

  /** Throws `unknown`, as the shim's refusals come, while the process runs. */
  async delete(containerId: string, options: RequestOptions = {}): Promise<TaskExit> {
    const { exitStatus, exitedAt } = await this.#connection.call(
      Tasks.method.delete,
      { containerId },
      options,
    );
    return { exitStatus, exitedAt: toDate(exitedAt) };
  }

  async list(options: RequestOptions = {}): Promise<Task[]> {
    const { tasks } = await this.#connection.call(Tasks.method.list, {}, options);
    return tasks.map(({ id, pid, status }) => ({
      containerId: id,
      pid,
      status: STATES[status] ?? 'unknown',
    }));
  }
}
