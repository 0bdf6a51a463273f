import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, fromUnknown, wrapError } from '@lade/errors';
import { asArgument, resolveIn, type ClosureOptions, type Package } from './resolve-closure.ts';
import { Suite } from './suite.ts';

/** A package in the cache, verified against the archive's signed lists. */
export interface DownloadedPackage extends Package {
  /** Path of the .deb file. */
  readonly file: string;
}

/**
 * Brings the packages, without their dependencies, into the cache folder and returns them in the order asked for.
 * Versions are chosen as {@link resolveClosure} does.
 */
export async function downloadPackages(options: ClosureOptions): Promise<DownloadedPackage[]> {
  const suite = new Suite(options);
  return await suite.lookUp(async () => await downloadIn(suite, await resolveIn(suite, options), options));
}

/** Same, of known versions and inside {@link Suite.lookUp}. */
export async function downloadIn(
  suite: Suite,
  packages: readonly Package[],
  options: ClosureOptions,
): Promise<DownloadedPackage[]> {
  const missing = await absentFrom(suite.archives, packages);
  if (missing.length > 0) {
    options.log?.(`Downloading ${missing.length} packages of Debian ${options.suite}`);
    await suite
      .run('apt-get', ['--quiet=2', 'download', ...missing.map(asArgument)], suite.archives)
      .catch(rethrow);
  }
  const files = await readdir(suite.archives);
  return packages.map((wanted) => {
    const file = findFile(files, wanted);
    if (file !== undefined) return { ...wanted, file: join(suite.archives, file) };
    throw new CodedError('internal', `Cannot find package ${asArgument(wanted)} in ${suite.archives}`);
  });
}

/** The lists are older than the archive when a file that they name is gone. */
function rethrow(reason: unknown): never {
  const gone = /\b404\b/.test(String(fromUnknown(reason).details['stderr']));
  throw gone
    ? new CodedError('not_found', 'Cannot download packages: the archive has other versions by now', {
        cause: reason,
      })
    : wrapError(reason, 'Cannot download packages');
}

async function absentFrom(archives: string, packages: readonly Package[]): Promise<Package[]> {
  const files = await readdir(archives);
  return packages.filter((wanted) => findFile(files, wanted) === undefined);
}

/** apt names files name_version_architecture.deb and writes ":" of an epoch as "%3a". */
function findFile(files: readonly string[], { name, version }: Package): string | undefined {
  const start = `${name}_${version.replaceAll(':', '%3a')}_`;
  return files.find((file) => file.startsWith(start) && file.endsWith('.deb'));
}
