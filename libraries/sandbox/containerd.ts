import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CodedError } from '@lade/errors';
import { ChildProgram } from './child-program.ts';
import { parseVersion, quoteToml } from '@lade/containerd-config';
import { sweep } from './sweep.ts';
import { sweepOnDeath } from './sweep-on-death.ts';

export interface StartContainerdOptions {
  /** Folders of unpacked packages that hold containerd, its runc shim, ctr and runc, in the order of search. */
  readonly packages: readonly string[];
  /** Absolute path of a folder for root, state, sockets and logs, created when missing and removed on disposal. */
  readonly folder: string;
  /** A whole configuration file to be imported, such as configureContainerd() makes for this version. */
  readonly config?: string;
  /** Also start the Kubernetes runtime interface, without a pod network. */
  readonly cri?: boolean;
  readonly logFile?: string;
  readonly signal?: AbortSignal;
}

export interface ProgramResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit status, or the name of the signal that ended it. */
  readonly code: number | string;
}

/** A containerd of our own: it shares nothing with the machine's, and disposing of it leaves nothing behind. */
export interface Containerd extends AsyncDisposable {
  /** Absolute path of its socket. */
  readonly address: string;
  /** As "2.1.9". */
  readonly version: string;
  readonly root: string;
  readonly state: string;
  /**
   * Runs ctr against it, without a standard input; a failure is a result. Ids of containers are the machine's, since
   * runc and control groups know no containerd: choose ones that nobody else runs at the same time.
   */
  ctr(...args: readonly string[]): Promise<ProgramResult>;
  /**
   * Pulls an image over plain HTTP and unpacks it: by ctr itself up to 1.7, by the transfer service from 2.0 on. Throws
   * `unavailable` when ctr fails.
   */
  pull(reference: string, options?: { readonly snapshotter?: string }): Promise<void>;
}

/** Longest path of a unix socket, less what containerd appends for its second one. */
const ADDRESS_LIMIT = 107 - '.ttrpc'.length;

/**
 * Starts a private containerd and waits until it serves. Throws `invalid_argument` when `folder` is too long a path
 * for sockets, `unavailable` when containerd does not come up. Needs root.
 */
export async function startContainerd(options: StartContainerdOptions): Promise<Containerd> {
  const places = layOut(options.folder);
  const env = { ...process.env, PATH: searchPath(options.packages), TMPDIR: places.temporary };
  const version = await readVersion(env);
  await writeConfiguration(places, version, options);
  await using stack = new AsyncDisposableStack();
  stack.use(await sweepOnDeath(places.folder, places.address, env));
  stack.defer(async () => sweep(places.folder, places.address, env));
  const child = await ChildProgram.start({
    command: 'containerd',
    args: ['--config', places.config],
    logFile: options.logFile ?? join(places.folder, 'containerd.log'),
    env,
  });
  stack.use(child);
  await child.waitUntil(async () => accepts(places.address), options.signal);
  const ctr = async (...args: readonly string[]): Promise<ProgramResult> =>
    await runCtr(places.address, args, env);
  stack.defer(async () => removeTasks(ctr));
  const owned = stack.move();
  return {
    address: places.address,
    version,
    root: places.root,
    state: places.state,
    ctr,
    pull: async (reference, { snapshotter = 'overlayfs' } = {}) => await pull(ctr, reference, snapshotter),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

interface Places {
  readonly folder: string;
  readonly address: string;
  readonly config: string;
  readonly imported: string;
  readonly root: string;
  readonly state: string;
  readonly temporary: string;
}

function layOut(folder: string): Places {
  const place = (name: string): string => join(folder, name);
  const address = place('c.sock');
  if (Buffer.byteLength(address) > ADDRESS_LIMIT) {
    throw new CodedError('invalid_argument', `Cannot start containerd in ${folder}: too long for a socket`, {
      cure: `Use a folder of at most ${ADDRESS_LIMIT - '/c.sock'.length} bytes`,
    });
  }
  return {
    folder,
    address,
    config: place('config.toml'),
    imported: place('imported.toml'),
    root: place('root'),
    state: place('state'),
    temporary: place('tmp'),
  };
}

function searchPath(packages: readonly string[]): string {
  const own = packages.flatMap((folder) => [join(folder, 'usr/sbin'), join(folder, 'usr/bin')]);
  return [...own, process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin'].join(':');
}

/** From a line such as "containerd github.com/containerd/containerd/v2 2.1.9+unknown …". */
async function readVersion(env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)('containerd', ['--version'], { env });
  const version = /\s(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined)
    throw new CodedError('unimplemented', `Cannot start containerd: it says ${stdout}`);
  return version;
}

async function writeConfiguration(
  places: Places,
  version: string,
  options: StartContainerdOptions,
): Promise<void> {
  const [major] = parseVersion(version);
  const layoutVersion = major === 1 ? 2 : 3;
  const text = `version = ${layoutVersion}
root = ${quoteToml(places.root)}
state = ${quoteToml(places.state)}
temp = ${quoteToml(places.temporary)}
imports = [${quoteToml(places.imported)}]
disabled_plugins = ${JSON.stringify(options.cri ? [] : CRI_PLUGINS)}

[grpc]
  address = ${quoteToml(places.address)}

[plugins."io.containerd.internal.v1.opt"]
  path = ${quoteToml(join(places.folder, 'opt'))}

[plugins."io.containerd.nri.v1.nri"]
  disable = true
`;
  await mkdir(places.temporary, { recursive: true });
  await writeFile(places.config, text);
  await writeFile(places.imported, options.config ?? `version = ${layoutVersion}\n`);
}

/** Under the names of containerd 1 and 2. */
const CRI_PLUGINS = [
  'io.containerd.grpc.v1.cri',
  'io.containerd.cri.v1.images',
  'io.containerd.cri.v1.runtime',
  'io.containerd.podsandbox.controller.v1.podsandbox',
];

async function accepts(address: string): Promise<boolean> {
  const socket = connect(address);
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}

async function runCtr(
  address: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ProgramResult> {
  const limit = { maxBuffer: 64 * 1024 * 1024 };
  return await new Promise((resolve) => {
    const all = ['--address', address, ...args];
    const child = execFile('ctr', all, { env, ...limit }, (error, stdout, stderr) => {
      resolve({ stdout, stderr, code: error === null ? 0 : (error.code ?? error.signal ?? 'unknown') });
    });
    child.stdin?.end();
  });
}

type Ctr = Containerd['ctr'];

async function pull(ctr: Ctr, reference: string, snapshotter: string): Promise<void> {
  const { stderr, code } = await ctr(
    'images',
    'pull',
    '--plain-http',
    '--snapshotter',
    snapshotter,
    reference,
  );
  if (code === 0) return;
  throw new CodedError('unavailable', `Cannot pull ${reference} with ${snapshotter}: ${stderr.trim()}`);
}

/** Lets runc remove the containers that still run, with their control groups. */
async function removeTasks(ctr: Ctr): Promise<void> {
  const lines = async (...args: string[]): Promise<string[]> =>
    (await ctr(...args)).stdout.split('\n').filter((line) => line !== '');
  for (const namespace of await lines('namespaces', 'list', '--quiet')) {
    const tasks = await lines('--namespace', namespace, 'tasks', 'list', '--quiet');
    if (tasks.length > 0) await ctr('--namespace', namespace, 'tasks', 'delete', '--force', ...tasks);
  }
}
