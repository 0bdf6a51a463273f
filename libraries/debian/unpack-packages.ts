import { hash } from 'node:crypto';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadIn } from './download-packages.ts';
import { closureIn, resolveIn, type ClosureOptions } from './resolve-closure.ts';
import { runProgram } from './run-program.ts';
import { Suite } from './suite.ts';

export interface UnpackOptions extends ClosureOptions {
  /** Also unpack everything that the packages depend on, so that {@link programIn} can run their programs. */
  readonly withDependencies?: boolean;
}

export interface UnpackedPackages {
  /** Holds `usr/bin/…` and so on, as the packages ship them; nothing was installed on the machine. */
  readonly folder: string;
  /** What is in it: version by package name. */
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * Unpacks packages into `<cacheFolder>/<suite>/<hash of what was asked for>`. That folder appears complete or not at
 * all, and is used as it is from then on; no maintainer script runs. Versions are chosen as {@link resolveClosure} does.
 */
export async function unpackPackages(options: UnpackOptions): Promise<UnpackedPackages> {
  const suite = new Suite(options);
  const folder = join(suite.folder, requestHash(options));
  const found = await readVersions(folder);
  if (found) return { folder, versions: found };
  const versions = await suite.lookUp(
    async () => (await readVersions(folder)) ?? (await unpackInto(folder, suite, options)),
  );
  return { folder, versions };
}

const VERSIONS_FILE = '.versions.json';

async function unpackInto(
  folder: string,
  suite: Suite,
  options: UnpackOptions,
): Promise<Record<string, string>> {
  const resolve = options.withDependencies ? closureIn : resolveIn;
  const packages = await downloadIn(suite, await resolve(suite, options), options);
  const versions = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
  const temporary = await mkdtemp(join(suite.folder, 'unpacking-'));
  try {
    for (const { file } of packages) {
      await runProgram('dpkg-deb', ['--extract', file, temporary], { signal: options.signal });
    }
    await writeFile(join(temporary, VERSIONS_FILE), JSON.stringify(versions));
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } catch (reason) {
    await rm(temporary, { recursive: true, force: true });
    throw reason;
  }
  return versions;
}

async function readVersions(folder: string): Promise<Record<string, string> | undefined> {
  const text = await readFile(join(folder, VERSIONS_FILE), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Record<string, string>);
}

function requestHash({ packages, withDependencies = false }: UnpackOptions): string {
  const names = packages.map(({ name, version = '' }) => `${name}=${version}`).sort();
  return hash('sha256', JSON.stringify([names, withDependencies]), 'hex').slice(0, 16);
}
