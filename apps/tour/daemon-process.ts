import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { CodedError } from '@lade/errors';
import { LADE } from './lade-program.ts';

const READY_MS = 30_000;

export interface DaemonOptions {
  readonly root: string;
  readonly address: string;
  readonly bucketUrl: string;
  readonly containerd: string;
  readonly logFile: string;
  /** More flags of `lade serve`. */
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A `lade serve` of our own, which the kernel kills when this process dies. */
export class DaemonProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
  }

  /** Resolves when the daemon has printed its ready line; throws `unavailable` with the end of its log when it does not. */
  static async start(options: DaemonOptions): Promise<DaemonProcess> {
    const { root, address, bucketUrl, containerd, logFile, flags = [], env = process.env } = options;
    await using log = await open(logFile, 'a');
    const serve = [
      'serve',
      '--root',
      root,
      '--address',
      address,
      '--bucket',
      bucketUrl,
      '--containerd',
      containerd,
      '--restart',
      'off',
    ];
    const args = ['--pdeathsig', 'KILL', '--', ...LADE, ...serve, ...flags];
    const child = spawn('setpriv', args, { env, stdio: ['ignore', 'pipe', log.fd], detached: true });
    const daemon = new DaemonProcess(child);
    if (await daemon.#becomesReady()) return daemon;
    await daemon.kill();
    const tail = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-5).join('\n');
    throw new CodedError('unavailable', `Cannot start lade serve: ${tail}`, {
      cure: `Read its log ${logFile}`,
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** As if the machine had no mercy: SIGKILL. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#exited;
  }

  async #becomesReady(): Promise<boolean> {
    const { stdout } = this.#child;
    if (!stdout) throw new TypeError('standard output is a pipe');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), READY_MS);
    let text = '';
    for await (const chunk of stdout) {
      text += String(chunk);
      if (/^ready\b/m.test(text)) break;
    }
    clearTimeout(timer);
    return /^ready\b/m.test(text);
  }
}
