import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ContainerdClient, type SnapshotsClient } from '@lade/containerd-client';
import { codeOf, isCodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import { killProcessesOf, mountPointsBelow, sweepOnDeath, unmountBelow } from '@lade/sandbox';
import { SNAPSHOT_REF } from '@lade/snapshots';
import { DaemonProcess } from '@lade/tour/daemon-process';

/** No promise about time: whoever waits that long waits for ever. */
const PATIENCE_MS = 60_000;

export interface OnDemandNodeOptions {
  readonly folder: string;
  readonly bucketUrl: string;
  readonly fill: 'fanotify' | 'fuse';
  readonly env: NodeJS.ProcessEnv;
}

/** A layer that is mounted: where, and by which view. */
export interface MountedTree {
  readonly path: string;
  readonly view: string;
  /** The committed snapshot that it is a view of. */
  readonly layer: string;
}

/** A daemon, the keeper that brings it back, and what containerd would ask of it; all is gone when it is disposed. */
export class OnDemandNode implements AsyncDisposable {
  readonly root: string;
  readonly #options: OnDemandNodeOptions;
  readonly #daemons: DaemonProcess[] = [];
  readonly #watchdog: AsyncDisposable;
  /** They take a moment to end. */
  readonly #killed = new Set<number>();
  #views = 0;

  private constructor(options: OnDemandNodeOptions, watchdog: AsyncDisposable) {
    this.#options = options;
    this.#watchdog = watchdog;
    this.root = join(options.folder, 'lade');
  }

  static async start(options: OnDemandNodeOptions): Promise<OnDemandNode> {
    const { folder } = options;
    await mkdir(folder);
    await using stack = new AsyncDisposableStack();
    const watchdog = stack.use(await sweepOnDeath(folder, join(folder, 'no-containerd.sock'), process.env));
    const node = stack.use(new OnDemandNode(options, watchdog));
    await node.startDaemon();
    stack.move();
    return node;
  }

  /** Starts a daemon as an operator would. */
  async startDaemon(): Promise<void> {
    const { folder, bucketUrl, fill, env } = this.#options;
    const daemon = await DaemonProcess.start({
      root: this.root,
      address: this.#address,
      bucketUrl,
      containerd: join(folder, 'no-containerd.sock'),
      logFile: this.#logFile,
      flags: ['--restart', 'on', '--fill', fill],
      env,
    });
    this.#daemons.push(daemon);
  }

  /** Stops the daemon as planned, and waits for its end. */
  async stopDaemon(): Promise<void> {
    const pid = await this.#findDaemon();
    process.kill(pid, 'SIGTERM');
    await eventually('the daemon ends', async () => (await this.#pidsOf(isDaemon)).length === 0);
  }

  async killDaemon(): Promise<void> {
    const pid = await this.#findDaemon();
    this.#killed.add(pid);
    kill(pid);
  }

  /** Kills the keeper of a daemon that serves, and waits until there is another. */
  async replaceKeeper(): Promise<void> {
    const before = await this.#count('keeper has been replaced');
    kill(await this.#findKeeper());
    await eventually(
      'the keeper is replaced',
      async () => (await this.#count('keeper has been replaced')) > before,
    );
  }

  /** Both, before one of them can bring back the other. */
  async killBoth(): Promise<void> {
    const pids = [await this.#findDaemon(), await this.#findKeeper()];
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const) pids.forEach((pid) => kill(pid, signal));
    await eventually(
      'daemon and keeper are gone',
      async () => (await this.#pidsOf(isDaemon)).length + (await this.#pidsOf(isKeeper)).length === 0,
    );
  }

  /** How many daemons have become ready so far. */
  async readies(): Promise<number> {
    return this.#count('ready');
  }

  async becomesReady(before: number): Promise<void> {
    await eventually('a daemon is ready', async () => (await this.readies()) > before);
  }

  /** Resolves when there is a daemon's process, ready or not. */
  async becomesAlive(): Promise<void> {
    await this.#findDaemon();
  }

  /** Takes a layer from the bucket and mounts it, as containerd does that asks again when the daemon was away. */
  async mount(chain: Digest): Promise<MountedTree> {
    await this.#insist(async (snapshots) => {
      const key = `extract-${++this.#views}`;
      try {
        await snapshots.prepare(key, { labels: { [SNAPSHOT_REF]: chain } });
      } catch (reason) {
        if (isCodedError(reason, 'already_exists')) return;
        throw reason;
      }
      throw new Error('the bucket has no such layer');
    });
    const [view, layer] = [
      `view-${++this.#views}`,
      await this.#insist(async (snapshots) => findLayer(snapshots, chain)),
    ];
    return { path: await this.#mountOf(view, layer), view, layer };
  }

  /** Where a view is mounted, by what the daemon says now. */
  async pathOf(view: string): Promise<string> {
    const [mount] = await this.#insist(async (snapshots) => snapshots.mounts(view));
    return mount?.source ?? '';
  }

  /** Gives a layer back, so that it is not on this node any more. */
  async unmount({ view, layer }: MountedTree): Promise<void> {
    for (const key of [view, layer])
      await this.#insist(async (snapshots) => {
        await snapshots.remove(key).catch((reason: unknown) => {
          if (!isCodedError(reason, 'not_found')) throw reason;
        });
      });
    await this.#insist(async (snapshots) => snapshots.cleanup());
  }

  /** Where layers are mounted. */
  async mountPoints(): Promise<readonly string[]> {
    return mountPointsBelow(join(this.root, 'mounts'));
  }

  /** The lines of daemons and keepers that have this message. Throws when one of them said what belongs in no log. */
  async logged(message: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    // What comes after the last end of a line is still being written.
    const lines = (await readFile(this.#logFile, 'utf8')).split('\n').slice(0, -1);
    const [entries, others] = [lines.filter(isEntry), lines.filter((line) => !isEntry(line))];
    const strange = others.filter((line) => !line.startsWith('ready '));
    if (strange.length > 0) throw new Error(`daemon or keeper said:\n${strange.join('\n')}`);
    const all = entries.map((line) => JSON.parse(line) as Record<string, unknown>);
    return all.filter((line) => line['message'] === message);
  }

  /** The end of what daemons and keepers said. */
  async lastWords(): Promise<string> {
    return (await readFile(this.#logFile, 'utf8')).trim().split('\n').slice(-8).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { folder } = this.#options;
    await killProcessesOf(folder);
    for (const daemon of this.#daemons) await daemon.kill();
    await unmountBelow(folder);
    await rm(folder, { recursive: true, force: true });
    await this.#watchdog[Symbol.asyncDispose]();
  }

  get #address(): string {
    return join(this.#options.folder, 'lade.sock');
  }

  get #logFile(): string {
    return join(this.#options.folder, 'lade.log');
  }

  async #mountOf(view: string, parent: string): Promise<string> {
    return this.#insist(async (snapshots) => {
      try {
        const [mount] = await snapshots.view(view, { parent });
        return mount?.source ?? '';
      } catch (reason) {
        if (!isCodedError(reason, 'already_exists')) throw reason;
        return this.pathOf(view);
      }
    });
  }

  /** Repeats what was cut off by a death, each time over a new connection: an old one takes its time to be made again. */
  async #insist<T>(work: (snapshots: SnapshotsClient) => Promise<T>): Promise<T> {
    for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(20)) {
      using client = ContainerdClient.open({ address: this.#address });
      try {
        return await work(client.snapshots('lade'));
      } catch (reason) {
        if (!['unavailable', 'cancelled'].includes(codeOf(reason)) || Date.now() > deadline) throw reason;
      }
    }
  }

  async #count(message: string): Promise<number> {
    return (await this.logged(message)).length;
  }

  async #findDaemon(): Promise<number> {
    return eventually('there is a daemon', async () =>
      (await this.#pidsOf(isDaemon)).find((pid) => !this.#killed.has(pid)),
    );
  }

  async #findKeeper(): Promise<number> {
    return eventually('there is a keeper', async () => (await this.#pidsOf(isKeeper))[0]);
  }

  async #pidsOf(isMeant: (args: readonly string[], root: string) => boolean): Promise<number[]> {
    const pids: number[] = [];
    for (const name of await readdir('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const command = await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '');
      if (isMeant(command.split('\0'), this.root)) pids.push(Number(name));
    }
    return pids;
  }
}

function isDaemon(args: readonly string[], root: string): boolean {
  return args[0] === process.execPath && args.includes('serve') && args.includes(root);
}

function isKeeper(args: readonly string[], root: string): boolean {
  return args.includes(join(root, 'keeper.sock'));
}

function isEntry(line: string): boolean {
  return line.startsWith('{"time":') && line.endsWith('}');
}

/** The committed snapshot of a chain, whatever its name. */
async function findLayer(snapshots: SnapshotsClient, chain: Digest): Promise<string> {
  for await (const { name, kind, labels } of snapshots.list())
    if (kind === 'committed' && labels[SNAPSHOT_REF] === chain) return name;
  throw new Error(`there is no snapshot of ${chain}`);
}

/** If it is still there. */
function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== 'ESRCH') throw reason;
  }
}

/** Looks until there is something, for as long as nothing may take. */
export async function eventually<T>(what: string, look: () => Promise<T | false | undefined>): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(10)) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
  }
}
