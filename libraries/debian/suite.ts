import { mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isCodedError, wrapError } from '@lade/errors';
import { holdLock } from './hold-lock.ts';
import { findMirror } from './mirror.ts';
import { runProgram } from './run-program.ts';

export type SuiteName = 'bookworm' | 'trixie' | 'sid';

/** What every function of this unit needs to know. */
export interface DebianOptions {
  readonly suite: SuiteName;
  /** Holds package lists, downloaded packages and unpacked folders of all suites; created when missing. */
  readonly cacheFolder: string;
  readonly signal?: AbortSignal | undefined;
  /** Takes one line, without a line feed, about work that takes long or did not go as asked. */
  readonly log?: ((line: string) => void) | undefined;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** One suite of the machine's Debian archive, through an apt that shares no state with the machine's own. */
export class Suite {
  readonly folder: string;
  readonly #options: DebianOptions;

  constructor(options: DebianOptions) {
    this.folder = join(options.cacheFolder, options.suite);
    this.#options = options;
  }

  /** Where `apt-get download` leaves packages. */
  get archives(): string {
    return join(this.folder, 'archives');
  }

  async run(tool: 'apt-get' | 'apt-cache', args: readonly string[], cwd = this.folder): Promise<string> {
    const { signal } = this.#options;
    return await runProgram(tool, ['--config-file', join(this.folder, 'apt.conf'), ...args], { cwd, signal });
  }

  /**
   * Runs `look` on lists that are at most a day old, and once more on new ones when it throws `not_found`; nobody else
   * works on the same cache folder and suite meanwhile.
   */
  async lookUp<T>(look: () => Promise<T>): Promise<T> {
    await using stack = new AsyncDisposableStack();
    stack.use(await holdLock(join(this.folder, 'lock'), this.#options));
    const age = await this.#listsAge();
    if (age > DAY_MS) await this.#update(Number.isFinite(age));
    try {
      return await look();
    } catch (reason) {
      if (!isCodedError(reason, 'not_found') || age > DAY_MS) throw reason;
      await this.#update(false);
      return await look();
    }
  }

  async #listsAge(): Promise<number> {
    const stamp = await stat(join(this.folder, 'updated')).catch(() => undefined);
    return stamp === undefined ? Infinity : Date.now() - stamp.mtimeMs;
  }

  /** With `oldOnesDo`, keeps the lists that are there when the archive cannot be reached. */
  async #update(oldOnesDo: boolean): Promise<void> {
    const { suite, log } = this.#options;
    log?.(`Fetching the package lists of Debian ${suite}`);
    await this.#configure();
    try {
      await this.run('apt-get', ['--quiet=2', '--error-on=any', 'update']);
    } catch (reason) {
      if (!oldOnesDo || this.#options.signal?.aborted) {
        throw wrapError(reason, `Cannot fetch the package lists of Debian ${suite}`, {
          cure: 'Check that the Debian archive named in /etc/apt can be reached from this machine',
        });
      }
      log?.(`Cannot fetch the package lists of Debian ${suite}: going on with those of an earlier day`);
    }
    await writeFile(join(this.folder, 'updated'), '');
    const now = new Date();
    await utimes(join(this.folder, 'updated'), now, now);
  }

  async #configure(): Promise<void> {
    const { folder } = this;
    const { uri, keyring } = await findMirror();
    const options = `signed-by=${keyring} target=Packages lang=none`;
    await mkdir(join(folder, 'lists', 'partial'), { recursive: true });
    await mkdir(join(this.archives, 'partial'), { recursive: true });
    await writeFile(join(folder, 'status'), '');
    await writeFile(join(folder, 'sources.list'), `deb [${options}] ${uri} ${this.#options.suite} main\n`);
    await writeFile(join(folder, 'apt.conf'), aptConfiguration(folder));
  }
}

/** apt.conf(5): state in `folder` only, and none of the hooks that the machine's own configuration may add. */
function aptConfiguration(folder: string): string {
  const settings = {
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '-',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::State': folder,
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::Status': join(folder, 'status'),
    'Dir::Cache': folder,
    'Dir::Cache::Archives': join(folder, 'archives'),
    'Dir::Cache::PkgCache': 'pkgcache.bin',
    'Dir::Cache::SrcPkgCache': 'srcpkgcache.bin',
    'APT::Default-Release': '',
    'APT::Sandbox::User': 'root',
    'APT::Install-Recommends': 'false',
    'APT::Install-Suggests': 'false',
    'Acquire::Retries': '3',
  };
  const hooks = ['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success'];
  const lines = [
    ...hooks.map((hook) => `#clear ${hook};`),
    ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
  ];
  return `${lines.join('\n')}\n`;
}
