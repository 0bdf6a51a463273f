import { execFile } from 'node:child_process';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { readMounts, unmount } from '@lade/linux';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly args: readonly string[];
}

/**
 * Removes what a containerd leaves behind that was killed, or stopped while containers ran: the shims that serve
 * `address` with their containers, what these keep below /run and in control groups, other processes of `folder`, every
 * mount below it, and `folder` itself. `env` is what containerd ran with; its PATH leads to runc.
 */
export async function sweep(
  folder: string,
  address: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  await killShims(address);
  await killProcessesOf(folder);
  for (const bundle of await listBundles(join(folder, 'state'))) await removeContainer(bundle, env);
  await unmountBelow(folder);
  await rm(folder, { recursive: true, force: true });
}

interface Bundle {
  readonly path: string;
  readonly namespace: string;
  readonly id: string;
}

/** The containers that shims have not cleaned up after: `<state>/io.containerd.runtime.v2.task/<namespace>/<id>`. */
async function listBundles(state: string): Promise<Bundle[]> {
  const tasks = join(state, 'io.containerd.runtime.v2.task');
  const bundles: Bundle[] = [];
  for (const namespace of await readdir(tasks).catch(() => []))
    for (const id of await readdir(join(tasks, namespace)))
      bundles.push({ path: join(tasks, namespace, id), namespace, id });
  return bundles;
}

/** Its shim's socket and runc's state lie outside every folder that containerd lets us choose. */
async function removeContainer({ path, namespace, id }: Bundle, env: NodeJS.ProcessEnv): Promise<void> {
  const socket = await readFile(join(path, 'address'), 'utf8').catch(() => '');
  if (socket.startsWith('unix:///')) await rm(socket.slice('unix://'.length), { force: true });
  const args = ['--root', `/run/containerd/runc/${namespace}`, 'delete', '--force', id];
  await promisify(execFile)('runc', args, { env }).catch(() => {});
}

/** Kills the shims of one containerd, and what runs in their containers, and waits until they are gone. */
async function killShims(address: string): Promise<void> {
  for (let pids = await shimTree(address); pids.length > 0; pids = await shimTree(address)) {
    for (const pid of pids) kill(pid);
    await sleep(20);
  }
}

/** Kills the processes that were told a path below `folder` when they were started, and waits until they are gone. */
export async function killProcessesOf(folder: string): Promise<void> {
  for (let found = await findProcessesOf(folder); found.length > 0; found = await findProcessesOf(folder)) {
    for (const pid of found) kill(pid);
    await sleep(20);
  }
}

/** The ids of the processes, but for this one, that were told a path below `folder` when they were started. */
export async function findProcessesOf(folder: string): Promise<number[]> {
  const isMeant = ({ pid, args }: Process): boolean =>
    pid !== process.pid && args.some((arg) => arg.startsWith(folder + sep));
  return (await listProcesses()).filter(isMeant).map(({ pid }) => pid);
}

/** Unmounts everything mounted on `folder` or below it, the latest first; what is in use disappears all the same. */
export async function unmountBelow(folder: string): Promise<void> {
  for (const mountPoint of (await mountPointsBelow(folder)).toReversed()) {
    await unmount(mountPoint).catch(async () => unmount(mountPoint, { detach: true }));
  }
}

/** In the order of mounting. */
export async function mountPointsBelow(folder: string): Promise<string[]> {
  const mountPoints = (await readMounts()).map(({ mountPoint }) => mountPoint);
  return mountPoints.filter((path) => path === folder || path.startsWith(folder + sep));
}

/** Process ids of the shims of `address` and of all their descendants, descendants first. */
async function shimTree(address: string): Promise<number[]> {
  const processes = await listProcesses();
  const isShim = ({ args }: Process): boolean =>
    /containerd-shim/.test(args[0] ?? '') && args[args.indexOf('-address') + 1] === address;
  const tree = processes.filter(isShim);
  for (const { pid } of tree) tree.push(...processes.filter(({ parent }) => parent === pid));
  return tree.map(({ pid }) => pid).toReversed();
}

async function listProcesses(): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const processes = await Promise.all(pids.map(async (pid) => readProcess(pid).catch(() => undefined)));
  return processes.filter((process) => process !== undefined);
}

async function readProcess(pid: string): Promise<Process | undefined> {
  const [status, args] = await Promise.all(
    ['stat', 'cmdline'].map(async (name) => readFile(join('/proc', pid, name), 'latin1')),
  );
  const [state, parent] = (status ?? '').slice((status ?? '').lastIndexOf(')') + 2).split(' ');
  if (state === 'Z') return undefined;
  return { pid: Number(pid), parent: Number(parent), args: (args ?? '').split('\0') };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== 'ESRCH') throw reason;
  }
}
