import { constants } from 'node:os';
import type { Process, Status } from '@lade/protocol';
import { Tasks } from '@lade/protocol/tasks';
import type { Connection, RequestOptions } from './connection.ts';
import { fromMounts, present, toDate, type Mount } from './translate.ts';

export interface Task {
  readonly containerId: string;
  readonly pid: number;
  readonly status: 'unknown' | 'created' | 'running' | 'stopped' | 'paused' | 'pausing';
  /** Of a task that has stopped. */
  readonly exit?: TaskExit;
}

export interface TaskExit {
  /** As waitpid(2) has it for shells: 128 and the signal's number for a process that was killed. */
  readonly exitStatus: number;
  readonly exitedAt: Date;
}

/** Absolute paths of fifos, or for the outputs of files or URIs such as file:///path; none is /dev/null. */
export interface Streams {
  readonly stdin?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly terminal?: boolean;
}

export interface CreateTaskOptions extends RequestOptions, Streams {
  /** Of the container's snapshot. */
  readonly rootfs: readonly Mount[];
}

export interface ExecOptions extends ProcessOptions, Streams {
  readonly execId: string;
  /** The process part of the OCI runtime spec, as JSON would have it. */
  readonly process: unknown;
}

export interface ProcessOptions extends RequestOptions {
  /** Of a process that exec() has added; the task's first one, when left out. */
  readonly execId?: string;
}

const PROCESS_TYPE = 'types.containerd.io/opencontainers/runtime-spec/1/Process';

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

  /** Adds a process without starting it. Throws `already_exists`. */
  async exec(
    containerId: string,
    { process, execId, stdin = '', stdout = '', stderr = '', terminal = false, ...options }: ExecOptions,
  ): Promise<void> {
    const spec = { typeUrl: PROCESS_TYPE, value: Buffer.from(JSON.stringify(process)) };
    const request = { containerId, execId, stdin, stdout, stderr, terminal, spec };
    await this.#connection.call(Tasks.method.exec, request, options);
  }

  async start(containerId: string, { execId = '', ...options }: ProcessOptions = {}): Promise<number> {
    return (await this.#connection.call(Tasks.method.start, { containerId, execId }, options)).pid;
  }

  /** Answers when the process has ended. To miss nothing, call it before start(). */
  async wait(containerId: string, { execId = '', ...options }: ProcessOptions = {}): Promise<TaskExit> {
    return toExit(await this.#connection.call(Tasks.method.wait, { containerId, execId }, options));
  }

  /** `signal` by name or number; with `all`, to every process of the container. */
  async kill(
    containerId: string,
    signal: NodeJS.Signals | number,
    { all = false, execId = '', ...options }: ProcessOptions & { readonly all?: boolean } = {},
  ): Promise<void> {
    const number = typeof signal === 'number' ? signal : constants.signals[signal];
    await this.#connection.call(Tasks.method.kill, { containerId, execId, signal: number, all }, options);
  }

  /** Of a terminal, in characters. */
  async resize(
    containerId: string,
    { columns, rows }: { readonly columns: number; readonly rows: number },
    { execId = '', ...options }: ProcessOptions = {},
  ): Promise<void> {
    const request = { containerId, execId, width: columns, height: rows };
    await this.#connection.call(Tasks.method.resizePty, request, options);
  }

  /** The process reads its input's end when what was written is read, and nobody else has the fifo open. */
  async closeInput(containerId: string, { execId = '', ...options }: ProcessOptions = {}): Promise<void> {
    await this.#connection.call(Tasks.method.closeIO, { containerId, execId, stdin: true }, options);
  }

  /** Answers when all that it wrote is out. Throws `unknown`, as the shim's refusals come, while the process runs. */
  async delete(containerId: string, { execId, ...options }: ProcessOptions = {}): Promise<TaskExit> {
    if (execId === undefined)
      return toExit(await this.#connection.call(Tasks.method.delete, { containerId }, options));
    const request = { containerId, execId };
    return toExit(await this.#connection.call(Tasks.method.deleteProcess, request, options));
  }

  async get(containerId: string, options: RequestOptions = {}): Promise<Task> {
    const { process } = await this.#connection.call(Tasks.method.get, { containerId }, options);
    return { ...toTask(present(process, `the task of ${containerId}`)), containerId };
  }

  async list(options: RequestOptions = {}): Promise<Task[]> {
    const { tasks } = await this.#connection.call(Tasks.method.list, {}, options);
    return tasks.map(toTask);
  }
}

function toTask(process: Process): Task {
  const { id, pid } = process;
  const status = STATES[process.status] ?? 'unknown';
  return { containerId: id, pid, status, ...(status === 'stopped' ? { exit: toExit(process) } : {}) };
}

function toExit({ exitStatus, exitedAt }: Pick<Process, 'exitStatus' | 'exitedAt'>): TaskExit {
  return { exitStatus, exitedAt: toDate(exitedAt) };
}
