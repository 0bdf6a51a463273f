import { CodedError, isCodedError } from '@lade/errors';
import { Suite, type DebianOptions } from './suite.ts';

/** A package by name; without a version, the one that the suite has. */
export interface PackageRequest {
  readonly name: string;
  readonly version?: string;
}

/** A package as the suite has it. */
export interface Package {
  readonly name: string;
  readonly version: string;
}

export interface ClosureOptions extends DebianOptions {
  readonly packages: readonly PackageRequest[];
}

/**
 * The packages and everything that they depend on, as apt would install them on an empty machine (no recommended
 * ones), sorted by name. A version that the suite does not have any more is replaced by the one that it has, and
 * logged. Throws `not_found` for a name that the suite does not know.
 */
export async function resolveClosure(options: ClosureOptions): Promise<Package[]> {
  const suite = new Suite(options);
  return await suite.lookUp(async () => await closureIn(suite, options));
}

/** Same, inside {@link Suite.lookUp}. */
export async function closureIn(suite: Suite, options: ClosureOptions): Promise<Package[]> {
  const roots = await resolveIn(suite, options);
  const plan = await suite.run('apt-get', ['--quiet=2', '--simulate', 'install', ...roots.map(asArgument)]);
  const closure: Package[] = [];
  for (const [, name = '', version = ''] of plan.matchAll(/^Inst (\S+) \((\S+) /gm))
    closure.push({ name, version });
  return closure.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The packages alone, with the versions that will be used; inside {@link Suite.lookUp}. */
export async function resolveIn(suite: Suite, options: ClosureOptions): Promise<Package[]> {
  const known = await knownVersions(suite, options);
  return options.packages.map((wanted) => choose(wanted, known.get(wanted.name), options));
}

/** apt's spelling of a package with its version. */
export function asArgument({ name, version }: Package): string {
  return `${name}=${version}`;
}

/** Versions by name, the newest first, from lines such as "  runc | 1.1.5 | http://… bookworm/main amd64 Packages". */
async function knownVersions(suite: Suite, options: ClosureOptions): Promise<Map<string, string[]>> {
  const versions = new Map<string, string[]>();
  const names = options.packages.map(({ name }) => name);
  const table = await suite.run('apt-cache', ['madison', ...names]).catch((reason: unknown) => {
    if (!isCodedError(reason, 'failed_precondition')) throw reason;
    return '';
  });
  for (const line of table.split('\n')) {
    const [name, version] = line.split('|').map((cell) => cell.trim());
    if (!name || !version) continue;
    versions.set(name, [...(versions.get(name) ?? []), version]);
  }
  return versions;
}

function choose(wanted: PackageRequest, known: string[] | undefined, options: ClosureOptions): Package {
  const current = known?.[0];
  if (known === undefined || current === undefined) {
    throw new CodedError(
      'not_found',
      `Cannot find package ${wanted.name} in Debian ${options.suite}: no such name`,
    );
  }
  if (wanted.version === undefined || known.includes(wanted.version))
    return { name: wanted.name, version: wanted.version ?? current };
  options.log?.(
    `Debian ${options.suite} has no ${wanted.name} ${wanted.version} any more: taking ${current} instead`,
  );
  return { name: wanted.name, version: current };
}
