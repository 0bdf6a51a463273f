import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programIn } from '@lade/debian';
import { ChildProgram } from './child-program.ts';

export interface StartDockerRegistryOptions {
  /** Folder of unpacked packages that holds docker-registry. */
  readonly packages: string;
  /** Takes images and log; created when missing, left to the caller. */
  readonly folder: string;
  /** Lines of an htpasswd file, bcrypt only: nobody else gets in. */
  readonly htpasswd?: string;
  readonly signal?: AbortSignal;
}

/** The distribution project's own registry, which images can be pushed to; plain HTTP on loopback. */
export interface DockerRegistry extends AsyncDisposable {
  /** As "127.0.0.1:35005". */
  readonly address: string;
}

/** Starts it on a free port. */
export async function startDockerRegistry(options: StartDockerRegistryOptions): Promise<DockerRegistry> {
  const { packages, folder, htpasswd } = options;
  await mkdir(folder, { recursive: true });
  const place = (name: string): string => join(folder, name);
  if (htpasswd !== undefined) await writeFile(place('htpasswd'), htpasswd);
  const auth =
    htpasswd === undefined ? {} : { auth: { htpasswd: { realm: 'tests', path: place('htpasswd') } } };
  const config = {
    version: 0.1,
    log: { level: 'info', formatter: 'json' },
    storage: { filesystem: { rootdirectory: place('images') } },
    http: { addr: '127.0.0.1:0' },
    ...auth,
  };
  // YAML reads JSON.
  await writeFile(place('config.yml'), JSON.stringify(config));
  const logFile = place('docker-registry.log');
  const { command, args } = await programIn(packages, 'usr/bin/docker-registry');
  await using stack = new AsyncDisposableStack();
  const child = await ChildProgram.start({
    command,
    args: [...args, 'serve', place('config.yml')],
    logFile,
  });
  stack.use(child);
  const readAddress = async (): Promise<string | undefined> =>
    /listening on (127\.0\.0\.1:\d+)/.exec(await readFile(logFile, 'utf8'))?.[1];
  await child.waitUntil(async () => (await readAddress()) !== undefined, options.signal);
  const address = (await readAddress()) ?? '';
  const owned = stack.move();
  return { address, [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}
