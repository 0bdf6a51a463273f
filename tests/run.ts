import { spawn } from 'node:child_process';
import { globSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPrograms } from './programs.ts';

/*
 * npm test: installs what the tests need, checks the sources, runs every test, and then looks for anything that was
 * left behind. npm run soak runs the long ones (*.soak.ts) instead. Arguments that are no flags name test files.
 */
const ROOT = join(import.meta.dirname, '..');
const SOAK = process.argv.includes('--soak');
const NAMED = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
/** A test that hangs fails, a file that does not end is ended, and the rest goes on. */
const TEST_LIMIT_MS = SOAK ? 3_600_000 : 300_000;
const FILE_LIMIT_MS = 3 * TEST_LIMIT_MS;
const LIMITS = [
  // More than the least machine has processors: many tests wait for a deadline or a disk.
  '--test-concurrency=3',
  `--test-timeout=${TEST_LIMIT_MS}`,
  `--import=${join(import.meta.dirname, 'end-in-time.ts')}`,
];
const CHECKS = [
  ['tsc'],
  ['tsc', '--project', 'apps/console'],
  ['oxlint', '--type-aware', '--deny-warnings'],
  ['oxfmt', '--check', '.'],
  ['knip', '--strict'],
] as const;

const before = leftovers();
const programs = await installPrograms((line) => process.stdout.write(`${line}\n`));
if (NAMED.length === 0 && !SOAK) await runChecks();
const env = {
  ...programs,
  LADE_FILE_LIMIT_MS: String(FILE_LIMIT_MS),
  // Every file is a process, and many start others: none of them has to strip the types of what another one has loaded.
  NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/tests'),
};
const status = await run(process.execPath, ['--test', ...LIMITS, ...testFiles()], env);
const left = leftovers().filter((item) => !before.includes(item));
for (const item of left) process.stderr.write(`left behind: ${item}\n`);
process.exitCode = status !== 0 || left.length > 0 ? 1 : 0;

function testFiles(): string[] {
  if (NAMED.length > 0) return NAMED;
  const places = '{libraries,platform,services,apps,tests,bench}/**';
  const files = globSync(`${places}/*.${SOAK ? 'soak' : 'test'}.ts`, { cwd: ROOT });
  return files.filter((path) => !path.includes('node_modules')).sort();
}

async function runChecks(): Promise<void> {
  for (const [command, ...args] of CHECKS) {
    const started = performance.now();
    const code = await run(join(ROOT, 'node_modules/.bin', command), args, {});
    process.stdout.write(
      `${command}: ${code === 0 ? 'clean' : 'failed'} in ${Math.round(performance.now() - started)} ms\n`,
    );
    if (code !== 0) process.exit(1);
  }
}

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

/** What a careless test leaves: mounts, loop devices, our own processes, temporary folders. */
function leftovers(): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  const loops = globSync('/sys/block/loop*/loop/backing_file').map((path) =>
    readFileSync(path, 'utf8').trim(),
  );
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith('lade'));
  return [
    ...mounts.filter((path) => path !== '').map((path) => `mount ${path}`),
    ...loops.map((path) => `loop device of ${path}`),
    ...folders.map((name) => `folder ${join(tmpdir(), name)}`),
    ...processes().map((line) => `process ${line}`),
  ];
}

function processes(): string[] {
  const names =
    /\b(?:containerd|containerd-shim-runc-v2|docker-registry|moto_server|radosgw|apps\/cli\/lade\.mjs|apps\/keeper\/keeper\.mjs)\b/;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => `${pid} ${commandOf(pid)}`)
    .filter((line) => names.test(line));
}

function commandOf(pid: string): string {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
    return `${command} in ${readlinkSync(`/proc/${pid}/cwd`)}`;
  } catch {
    return '';
  }
}
