import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@lade/errors';

export interface ChildProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Takes standard output and standard error. */
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv;
}

const READY_MS = 30_000;
const STOP_MS = 10_000;

/** A program that serves in the background until disposed, and that the kernel kills when this process dies. */
export class ChildProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #options: ChildProgramOptions;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess, options: ChildProgramOptions) {
    this.#child = child;
    this.#options = options;
    this.#ended = once(child, 'exit');
  }

  /** In a session of its own, so that an interrupt from the terminal leaves the order of shutting down to us. */
  static async start(options: ChildProgramOptions): Promise<ChildProgram> {
    await using log = await open(options.logFile, 'a');
    const args = ['--pdeathsig', 'KILL', '--', options.command, ...options.args];
    const child = spawn('setpriv', args, {
      stdio: ['ignore', log.fd, log.fd],
      env: options.env ?? process.env,
      detached: true,
    });
    await once(child, 'spawn');
    return new ChildProgram(child, options);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Asks `isReady` until it says yes; throws `unavailable`, with the end of the log, when the program ends first. */
  async waitUntil(isReady: () => Promise<boolean>, signal?: AbortSignal): Promise<void> {
    const deadline = AbortSignal.timeout(READY_MS);
    while (!(await isReady())) {
      signal?.throwIfAborted();
      if (deadline.aborted) throw await this.#notReady(`it is not ready after ${READY_MS / 1000} s`);
      if (this.#child.exitCode !== null || this.#child.signalCode !== null)
        throw await this.#notReady(`it ended with ${this.#child.exitCode ?? this.#child.signalCode}`);
      await sleep(20);
    }
  }

  async #notReady(state: string): Promise<CodedError> {
    const { command, logFile } = this.#options;
    const log = await readFile(logFile, 'utf8');
    return new CodedError('unavailable', `Cannot start ${command}: ${state}`, {
      cure: `Read its log ${logFile}`,
      details: { log: log.split('\n').slice(-10).join('\n') },
    });
  }

  /** Ends it politely, and after ten seconds for sure. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
