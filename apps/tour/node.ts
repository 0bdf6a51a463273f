import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { configureContainerd, type ContainerdConfiguration } from '@lade/containerd-config';
import type { ImageSummary } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';
import {
  killProcessesOf,
  startContainerd,
  sweepOnDeath,
  unmountBelow,
  type Containerd,
  type ProgramResult,
} from '@lade/sandbox';
import { DaemonProcess } from './daemon-process.ts';
import { LADE } from './lade-program.ts';

const CONNECT_MS = 30_000;
const PROBE = 'lade-connected';
const UPLOAD_MS = 300_000;

export interface NodeOptions {
  /** Everything of this node, short enough for sockets; made here, and removed on disposal. */
  readonly folder: string;
  readonly bucketUrl: string;
  /** Folders of unpacked packages with containerd and runc. */
  readonly packages: readonly string[];
  /** Of the containerd in them, as "2.1". */
  readonly containerdVersion: string;
  /** Whether containerd keeps its content in Lade's store. */
  readonly content?: boolean;
  /** Makes the configuration that containerd imports; without it, it is what configureContainerd() makes. */
  readonly configure?: (snapshotter: ContainerdConfiguration['snapshotter']) => Promise<string>;
  /** Whether containerd serves the Kubernetes runtime interface too. */
  readonly kubernetes?: boolean;
  /** More flags of `lade serve`. */
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A node: a containerd and a Lade daemon with nothing but a folder, and a bucket. */
export class LadeNode implements AsyncDisposable {
  readonly containerd: Containerd;
  readonly root: string;
  readonly address: string;
  readonly #options: NodeOptions;
  readonly #watchdog: AsyncDisposable;
  #daemon: DaemonProcess;

  private constructor(
    options: NodeOptions,
    {
      watchdog,
      containerd,
      daemon,
    }: { watchdog: AsyncDisposable; containerd: Containerd; daemon: DaemonProcess },
  ) {
    this.#options = options;
    this.#watchdog = watchdog;
    this.containerd = containerd;
    this.#daemon = daemon;
    this.root = join(options.folder, 'lade');
    this.address = addressIn(options.folder);
  }

  static async start(options: NodeOptions): Promise<LadeNode> {
    const {
      folder,
      packages,
      containerdVersion: version,
      kubernetes: cri = false,
      content = false,
    } = options;
    await mkdir(folder, { recursive: true });
    await using stack = new AsyncDisposableStack();
    // The keeper outlives the daemon, and so whoever has started both and was killed.
    const watchdog = stack.use(await sweepOnDeath(folder, join(folder, 'no-containerd.sock'), process.env));
    stack.defer(async () => removeFolder(folder));
    const snapshotter = {
      name: 'lade',
      address: addressIn(folder),
      exportsRoot: join(folder, 'lade'),
      capabilities: ['remap-ids', 'rebase'] as const,
    };
    const config =
      (await options.configure?.(snapshotter)) ?? configureContainerd({ version, snapshotter, content });
    const containerd = stack.use(
      await startContainerd({ packages, folder: join(folder, 'cd'), config, cri }),
    );
    const daemon = stack.use(await startDaemon(options, containerd.address));
    const node = new LadeNode(options, { watchdog, containerd, daemon });
    await node.#connects();
    stack.move();
    return node;
  }

  get daemonPid(): number {
    return this.#daemon.pid;
  }

  get logFile(): string {
    return logFileIn(this.#options.folder);
  }

  /** Runs `lade` against this node's daemon; a failure is a result. */
  async lade(...args: readonly string[]): Promise<ProgramResult> {
    return new Promise((resolve) => {
      const [command, ...own] = LADE;
      const env = { ...process.env, LADE_ADDRESS: this.address };
      execFile(command, [...own, ...args], { env }, (error, stdout, stderr) => {
        resolve({ stdout, stderr, code: error === null ? 0 : (error.code ?? error.signal ?? 'unknown') });
      });
    });
  }

  /** Runs a command in a new container of an image that is unpacked with Lade; its standard output. */
  async run(reference: string, ...command: readonly string[]): Promise<string> {
    const id = `c${process.hrtime.bigint().toString(36)}`;
    return this.ctr('run', '--rm', '--snapshotter', 'lade', reference, id, ...command);
  }

  /** Runs ctr; throws `unavailable` with what it said when it fails. */
  async ctr(...args: readonly string[]): Promise<string> {
    const { stdout, stderr, code } = await this.containerd.ctr(...args);
    if (code === 0) return stdout;
    throw new CodedError('unavailable', `Cannot run ctr ${args.join(' ')}: ${stderr.trim()}`);
  }

  /** Runs `lade`; throws `unavailable` with what it said when it fails. */
  async ladeOrThrow(...args: readonly string[]): Promise<string> {
    const { stdout, stderr, code } = await this.lade(...args);
    if (code === 0) return stdout;
    throw new CodedError('unavailable', `Cannot run lade ${args.join(' ')}: ${stderr.trim()}`);
  }

  /** Waits until the bucket has the record of an image. */
  async publishes(reference: string): Promise<void> {
    const deadline = Date.now() + UPLOAD_MS;
    const isThere = async (): Promise<boolean> => {
      const images = JSON.parse(await this.ladeOrThrow('images', '--json')) as readonly ImageSummary[];
      return images.some(({ name, inBucket }) => name === reference && inBucket);
    };
    while (!(await isThere())) {
      if (Date.now() > deadline)
        throw new CodedError('deadline_exceeded', `Cannot wait any longer for the record of ${reference}`);
      await sleep(100);
    }
  }

  /** Waits until nothing waits for its upload. */
  async uploaded(): Promise<void> {
    const deadline = Date.now() + UPLOAD_MS;
    for (;;) {
      const { stdout, stderr } = await this.lade('status', '--json');
      if (stdout !== '' && (JSON.parse(stdout) as { uploads: { waiting: number } }).uploads.waiting === 0)
        return;
      if (Date.now() > deadline)
        throw new CodedError('deadline_exceeded', `Cannot wait any longer for uploads: ${stderr}`);
      await sleep(100);
    }
  }

  /** Kills the daemon without mercy; restart() brings another one. */
  async killDaemon(): Promise<void> {
    await this.#daemon.kill();
  }

  async stopDaemon(): Promise<void> {
    await this.#daemon[Symbol.asyncDispose]();
  }

  /** Starts a daemon on the same folder, with other settings where given. */
  async startDaemon(changes: Partial<NodeOptions> = {}): Promise<void> {
    this.#daemon = await startDaemon({ ...this.#options, ...changes }, this.containerd.address);
    await this.#connects();
  }

  /**
   * containerd looks only every few seconds for a daemon that it has missed, and until then snapshots are unavailable. It
   * asks the daemon itself only for a new one.
   */
  async #connects(): Promise<void> {
    const deadline = Date.now() + CONNECT_MS;
    const snapshots = async (...args: string[]): Promise<ProgramResult> =>
      this.containerd.ctr('snapshots', '--snapshotter', 'lade', ...args);
    while (/connection error|unavailable/.test((await snapshots('prepare', PROBE)).stderr)) {
      if (Date.now() > deadline)
        throw new CodedError('deadline_exceeded', 'Cannot wait any longer for containerd to find the daemon');
      await sleep(100);
    }
    await snapshots('remove', PROBE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.containerd[Symbol.asyncDispose]();
    await this.#daemon[Symbol.asyncDispose]();
    await removeFolder(this.#options.folder);
    await this.#watchdog[Symbol.asyncDispose]();
  }
}

function addressIn(folder: string): string {
  return join(folder, 'lade.sock');
}

function logFileIn(folder: string): string {
  return join(folder, 'lade.log');
}

async function startDaemon(options: NodeOptions, containerd: string): Promise<DaemonProcess> {
  const { folder, bucketUrl, flags, env } = options;
  return DaemonProcess.start({
    root: join(folder, 'lade'),
    address: addressIn(folder),
    logFile: logFileIn(folder),
    bucketUrl,
    containerd,
    ...(flags ? { flags } : {}),
    ...(env ? { env } : {}),
  });
}

/** Ends the keeper first, which holds on while layers are mounted. */
async function removeFolder(folder: string): Promise<void> {
  await killProcessesOf(folder);
  await unmountBelow(folder);
  await rm(folder, { recursive: true, force: true });
}
