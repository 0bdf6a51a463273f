import type { ExecutionParameters, ProcessSpec, UserFiles } from '@lade/oci';

/*
 * What this unit needs of containerd and of the kernel. The shapes are those of containerd's API.
 */

export type Labels = Readonly<Record<string, string>>;

export interface WaitOptions {
  readonly signal?: AbortSignal;
}

interface ContainerRecord {
  readonly id: string;
  readonly image: string;
  readonly labels: Labels;
  readonly runtime: string;
  readonly snapshotter: string;
  readonly snapshotKey: string;
  /** The OCI runtime spec. */
  readonly spec: unknown;
}

export interface Container extends ContainerRecord {
  readonly createdAt: Date;
}

/** Methods that take an id throw `not_found`, create() `already_exists`. */
interface ContainerRecords {
  get(id: string, options?: WaitOptions): Promise<Container>;
  list(filters?: readonly string[], options?: WaitOptions): Promise<readonly Container[]>;
  create(record: ContainerRecord, options?: WaitOptions): Promise<unknown>;
  label(id: string, labels: Labels, options?: WaitOptions): Promise<void>;
  delete(id: string, options?: WaitOptions): Promise<void>;
}

export interface TaskExit {
  readonly exitStatus: number;
  readonly exitedAt: Date;
}

export type TaskStatus = 'unknown' | 'created' | 'running' | 'stopped' | 'paused' | 'pausing';

export interface Task {
  readonly containerId: string;
  readonly pid: number;
  readonly status: TaskStatus;
  readonly exit?: TaskExit;
}

export interface Mount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

/** Paths of fifos or files; a process reads nothing, and writes nowhere, where there is none. */
export interface Streams {
  readonly stdin?: string;
  readonly stdout?: string;
  readonly stderr?: string;
}

interface StreamOptions extends WaitOptions, Streams {
  readonly terminal?: boolean;
}

interface ProcessOptions extends WaitOptions {
  readonly execId?: string;
}

/** Methods that take an id throw `not_found` for a container without a task. */
interface Tasks {
  create(id: string, options: StreamOptions & { readonly rootfs: readonly Mount[] }): Promise<number>;
  get(id: string, options?: WaitOptions): Promise<Task>;
  list(options?: WaitOptions): Promise<readonly Task[]>;
}

/** Of a task's first process, or of one that exec() has added. */
interface Processes {
  exec(
    id: string,
    options: StreamOptions & { readonly execId: string; readonly process: ProcessSpec },
  ): Promise<void>;
  start(id: string, options?: ProcessOptions): Promise<number>;
  wait(id: string, options?: ProcessOptions): Promise<TaskExit>;
  kill(id: string, signal: number, options?: ProcessOptions & { readonly all?: boolean }): Promise<void>;
  /** Answers when all that it wrote is out. */
  delete(id: string, options?: ProcessOptions): Promise<TaskExit>;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

interface Consoles {
  resize(id: string, size: TerminalSize, options?: ProcessOptions): Promise<void>;
  closeInput(id: string, options?: ProcessOptions): Promise<void>;
}

interface Snapshots {
  prepare(
    key: string,
    options: WaitOptions & { readonly parent: string; readonly labels: Labels },
  ): Promise<Mount[]>;
  stat(key: string, options?: WaitOptions): Promise<{ readonly labels: Labels }>;
  remove(key: string, options?: WaitOptions): Promise<void>;
}

/** One namespace of this node's containerd. */
export interface NamespaceCalls {
  readonly containers: ContainerRecords;
  readonly tasks: Tasks & Processes & Consoles;
  snapshots(snapshotter: string): Snapshots;
  /** What `work` makes stays until its end, by when something else has to hold it. */
  withLease<T>(work: (leased: Pick<NamespaceCalls, 'snapshots'>) => Promise<T>): Promise<T>;
}

export interface RunnableImage {
  /** As containerd has it. */
  readonly name: string;
  /** The chain id of its layers; '' when it has none. */
  readonly parent: string;
  readonly config: ExecutionParameters;
}

export interface Containerd {
  inNamespace(namespace: string): NamespaceCalls;
  namespaces(options?: WaitOptions): Promise<readonly string[]>;
  /** For this machine. Throws `not_found`. */
  image(name: string, options: WaitOptions & { readonly namespace: string }): Promise<RunnableImage>;
}

/** Files of a container's root, which it cannot make anybody read others for. */
export interface Roots {
  usersOfMounts(mounts: readonly Mount[]): Promise<UserFiles>;
  usersOfProcess(pid: number): Promise<UserFiles>;
}

export interface Output {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

/** Fifos of one process. Disposing removes them; the process may go on. */
export interface Pipes extends AsyncDisposable {
  readonly streams: Streams;
  /** What comes out, until the process and all that it has started have closed it. Who does not take it holds the process up. */
  output(): AsyncGenerator<Output>;
  /** Resolves when the bytes are in the fifo. */
  write(bytes: Uint8Array): Promise<void>;
  /** Nothing more comes in. */
  end(): void;
}

export type OpenPipes = (names: readonly (keyof Streams)[]) => Promise<Pipes>;
