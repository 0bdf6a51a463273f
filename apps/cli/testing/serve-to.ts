import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { controlSocketPath } from '@lade/control-protocol';
import { serveControl, type ControlPlatform } from '@lade/control-service';
import { SILENT } from '@lade/log';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Run = (...args: string[]) => Promise<Result>;

/** Runs `lade` in a process of its own. */
export async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, timeout: 60_000 };
    execFile(process.execPath, ['--', MAIN, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

/** The CLI against a control API that a real server serves. */
export async function serveTo(t: TestContext, platform: Partial<ControlPlatform>): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'lade-cli-'));
  t.after(async () => rm(folder, { recursive: true }));
  const address = join(folder, 'lade.sock');
  const server = await serveControl({
    socketPath: controlSocketPath(address),
    platform: platform as ControlPlatform,
    log: SILENT,
  });
  t.after(async () => server[Symbol.asyncDispose]());
  return async (...args) =>
    run(args, { LADE_ADDRESS: address, CONTAINERD_NAMESPACE: '', TZ: 'Asia/Shanghai' });
}
