import { mkdir, mkdtempDisposable, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBucket, type ObjectInfo } from '@lade/bucket';
import { hexOf, parseImageConfig, parseManifest, type Digest } from '@lade/oci';
import {
  buildImage,
  startContainerd,
  startObsStandIn,
  startS3Server,
  killProcessesOf,
  unmountBelow,
  unpackSet,
  type BuiltImage,
  type ImageName,
} from '@lade/sandbox';
import { LadeNode, type NodeOptions } from '@lade/tour';
import { CACHE } from './programs.ts';

export type ContainerdVersion = '1.6' | '1.7' | '2.1';

const isRoot = process.getuid?.() === 0;
if (!isRoot && process.env['CI']) throw new Error('these tests need root');

/** Options of a test that runs containerd. */
export const needsRoot = { skip: isRoot ? false : 'NOT TESTED: containerd needs root' };

export interface TestNodeOptions extends Pick<
  NodeOptions,
  'bucketUrl' | 'flags' | 'content' | 'configure' | 'kubernetes' | 'env'
> {
  readonly containerdVersion: ContainerdVersion;
}

/** The nodes of one test, and its bucket. What was started last is stopped first; nothing of it stays. */
export class Testbed implements AsyncDisposable {
  readonly folder: string;
  readonly #log: (line: string) => void;
  readonly #stack: AsyncDisposableStack;

  private constructor(folder: string, log: (line: string) => void, stack: AsyncDisposableStack) {
    this.folder = folder;
    this.#log = log;
    this.#stack = stack;
  }

  static async open(t: TestContext): Promise<Testbed> {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-')));
    return new Testbed(path, (line) => t.diagnostic(line), stack.move());
  }

  async image(name: ImageName): Promise<BuiltImage> {
    return buildImage(name, this.#cache);
  }

  /** The URL of an empty bucket in a folder, or on an S3 server of its own. */
  async bucket(kind: 'directory' | 'S3' | 'OBS'): Promise<string> {
    const folder = join(this.folder, 'bucket');
    if (kind === 'directory') return `file://${folder}`;
    if (kind === 'OBS') return this.#obsBucket(folder);
    const { folder: packages } = await unpackSet('moto', this.#cache);
    const server = this.#stack.use(await startS3Server({ packages, folder }));
    const { endpoint, region, accessKeyId, secretAccessKey } = server;
    await fetch(`${endpoint}/lade`, { method: 'PUT' });
    const access = { 'access-key-id': accessKeyId, 'secret-access-key': secretAccessKey };
    const parameters = new URLSearchParams({ endpoint, region, 'path-style': 'true', ...access });
    return `s3://lade/below/a/prefix?${parameters.toString()}`;
  }

  async #obsBucket(folder: string): Promise<string> {
    const [bucket, accessKeyId, secretAccessKey] = ['lade', 'some-key', 'some/secret+'];
    await mkdir(folder);
    const store = this.#stack.use(await startObsStandIn({ folder, bucket, accessKeyId, secretAccessKey }));
    const endpoint = `http://localhost:${store.address.split(':')[1]}`;
    const access = { 'access-key-id': accessKeyId, 'secret-access-key': secretAccessKey };
    return `obs://lade/below/a/prefix?${new URLSearchParams({ endpoint, ...access }).toString()}`;
  }

  /** Starts an empty node. */
  async node(
    name: string,
    bucketUrl: string,
    containerdVersion: ContainerdVersion,
    flags: readonly string[] = [],
  ): Promise<LadeNode> {
    return this.nodeWith(name, { bucketUrl, containerdVersion, flags });
  }

  async nodeWith(name: string, options: TestNodeOptions): Promise<LadeNode> {
    const packages = await this.#packages(options.containerdVersion);
    // Tests compare buckets: nothing may come to them while they look on.
    const flags = ['--record-starts', 'off', '--record-node', 'off', ...(options.flags ?? [])];
    const folder = join(this.folder, name);
    return this.#stack.use(await LadeNode.start({ ...options, packages, flags, folder }));
  }

  /** Has the containerds started from now on trust registries with this certificate (PEM), and no others. */
  async trust(certificate: string): Promise<void> {
    const file = join(this.folder, 'certificate.pem');
    await writeFile(file, certificate);
    process.env['SSL_CERT_FILE'] = file;
    this.#stack.defer(() => {
      delete process.env['SSL_CERT_FILE'];
    });
  }

  /** What a power cycle does to a node without containers: its disk stays; its processes, its mounts and /run go. */
  async reboot(node: LadeNode, containerdVersion: ContainerdVersion): Promise<void> {
    const folder = dirname(node.containerd.root);
    await stopContainerd(folder);
    await node.stopDaemon();
    await killProcessesOf(node.root);
    await unmountBelow(dirname(node.root));
    await rm(node.containerd.state, { recursive: true });
    const config = await readFile(join(folder, 'imported.toml'), 'utf8');
    const packages = await this.#packages(containerdVersion);
    this.#stack.use(await startContainerd({ packages, folder, config }));
    await node.startDaemon();
  }

  async makeFolder(name: string): Promise<string> {
    const folder = join(this.folder, name);
    await mkdir(folder);
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  get #cache(): { readonly cacheFolder: string; readonly log: (line: string) => void } {
    return { cacheFolder: CACHE, log: this.#log };
  }

  async #packages(version: ContainerdVersion): Promise<string[]> {
    const sets = [`containerd-${version}`, 'runc'] as const;
    return Promise.all(sets.map(async (set) => (await unpackSet(set, this.#cache)).folder));
  }
}

/** Subtests that build on each other: after one that fails, the rest are skipped. */
export function inSteps(t: TestContext): (name: string, work: () => Promise<void>) => Promise<void> {
  let skip: string | false = false;
  return async (name, work) =>
    t.test(name, { skip }, async () => {
      skip = 'a step before it failed';
      await work();
      skip = false;
    });
}

export interface ImageParts {
  /** What a pull ends with. */
  readonly restored: { readonly digest: Digest; readonly layers: number };
  readonly config: Digest;
  /** As the registry has them, bottom first. */
  readonly layers: readonly Digest[];
  readonly diffIds: readonly Digest[];
}

/** What an image of one manifest consists of. */
export async function readImage({ layout }: Pick<BuiltImage, 'layout'>): Promise<ImageParts> {
  const blob = async (digest: Digest): Promise<Buffer> =>
    readFile(join(layout, 'blobs/sha256', hexOf(digest)));
  const { manifests } = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
    manifests: [{ digest: Digest }];
  };
  const [{ digest }] = manifests;
  const manifest = parseManifest(await blob(digest), digest);
  const config = manifest.config.digest;
  const layers = manifest.layers.map((layer) => layer.digest);
  const { diff_ids: diffIds } = parseImageConfig(await blob(config), config).rootfs;
  return { restored: { digest, layers: layers.length }, config, layers, diffIds };
}

/** The bucket of a stand-in for S3 at `address`, which may be the near end of a link to it. */
export function standInUrl(address: string): string {
  const key = 'access-key-id=anyone&secret-access-key=anything';
  return `s3://lade/?endpoint=http://${address}&path-style=true&${key}`;
}

/** All objects of a bucket but those in which nodes tell of themselves, in the order of their keys. */
export async function listObjects(bucketUrl: string): Promise<ObjectInfo[]> {
  await using bucket = await openBucket(bucketUrl);
  const objects = await Array.fromAsync(bucket.list(''));
  return objects.filter(({ key }) => !isNodesOwn(key));
}

/** What a node tells of itself, at times that nobody else knows. */
export function isNodesOwn(key: string): boolean {
  return /^(?:refs\/)?nodes\//.test(key);
}

/** Asks until `isTrue` says so, for half a minute at most. */
export async function waitUntil(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(50);
  }
}

/** Ends the containerd of a folder; its containers, if any, stay. */
async function stopContainerd(folder: string): Promise<void> {
  const pid = await findProcess(['containerd', '--config', join(folder, 'config.toml')]);
  if (pid === undefined) throw new Error(`no containerd runs in ${folder}`);
  process.kill(pid, 'SIGTERM');
  await waitUntil(`containerd ${pid} ends`, async () => (await commandOf(pid)) === '');
}

async function findProcess(command: readonly string[]): Promise<number | undefined> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  for (const pid of pids) if ((await commandOf(pid)) === command.join('\0') + '\0') return pid;
  return undefined;
}

/** '' of a process that has ended. */
async function commandOf(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
}
