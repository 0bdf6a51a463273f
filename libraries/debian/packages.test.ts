import assert from 'node:assert/strict';
import { mkdtempDisposable, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { programIn } from './program-in.ts';
import { resolveClosure } from './resolve-closure.ts';
import { runProgram } from './run-program.ts';
import { unpackPackages } from './unpack-packages.ts';

const cacheFolder = process.env['LADE_CACHE'] ?? join(import.meta.dirname, '../../.cache');
const bookworm = { suite: 'bookworm', cacheFolder } as const;

test('resolveClosure() gives what apt would install, virtual packages resolved', async () => {
  const closure = await resolveClosure({ ...bookworm, packages: [{ name: 'base-files' }] });
  const names = closure.map(({ name }) => name);
  assert.deepEqual(names, names.toSorted());
  assert.ok(names.includes('base-files') && names.includes('libc6'));
  assert.ok(names.includes('mawk'), 'base-files depends on awk, which only others provide');
  assert.match(closure.find(({ name }) => name === 'libc6')?.version ?? '', /^2\.36-/);
});

test('a version that the suite does not have is replaced and logged', async () => {
  const lines: string[] = [];
  const packages = [{ name: 'hostname', version: '0.1' }];
  const closure = await resolveClosure({ ...bookworm, packages, log: (line) => lines.push(line) });
  const { version = '' } = closure.find(({ name }) => name === 'hostname') ?? {};
  assert.match(version, /^3\./);
  assert.ok(lines.some((line) => line.includes('hostname 0.1') && line.includes(version)));
});

test('a name that Debian does not know is not found', async () => {
  await assert.rejects(
    resolveClosure({ ...bookworm, packages: [{ name: 'no-such-package-here' }] }),
    (e) => isCodedError(e, 'not_found') && /no-such-package-here/.test(e.message),
  );
});

test('unpackPackages() unpacks once, also for callers at the same time, and nothing half', async () => {
  const options = { ...bookworm, packages: [{ name: 'hostname' }] };
  const [first, second] = await Promise.all([unpackPackages(options), unpackPackages(options)]);
  assert.deepEqual(first, second);
  assert.deepEqual(Object.keys(first.versions), ['hostname']);
  assert.ok((await stat(join(first.folder, 'bin/hostname'))).isFile());
  const { ino } = await stat(first.folder);
  await rm(join(first.folder, '.versions.json'));
  await assert.rejects(unpackPackages({ ...options, signal: AbortSignal.abort() }), { name: 'AbortError' });
  const again = await unpackPackages(options);
  assert.notEqual((await stat(again.folder)).ino, ino);
  const leftovers = (await readdir(join(cacheFolder, 'bookworm'))).filter((name) =>
    name.startsWith('unpacking-'),
  );
  assert.deepEqual(leftovers, []);
});

test('programIn() runs a program of a newer Debian with the libraries unpacked beside it', async () => {
  const packages = [{ name: 'attr' }];
  const { folder } = await unpackPackages({ suite: 'sid', cacheFolder, packages, withDependencies: true });
  const { command, args } = await programIn(folder, 'usr/bin/getfattr');
  assert.match(command, /ld-linux/);
  assert.match(await runProgram(command, [...args, '--version']), /^getfattr \d/);
});

test('programIn() leaves alone what is static, a script, or has no libc beside it', async () => {
  const { folder } = await unpackPackages({ ...bookworm, packages: [{ name: 'hostname' }] });
  assert.deepEqual(await programIn(folder, 'bin/hostname'), {
    command: join(folder, 'bin/hostname'),
    args: [],
  });
});

test('runProgram() names a program that is missing and what to do, and one that fails', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-run-'));
  await assert.rejects(
    runProgram(join(folder.path, 'none'), []),
    (e) => isCodedError(e, 'failed_precondition') && /not installed/.test(e.message) && e.cure !== undefined,
  );
  await assert.rejects(
    runProgram('sh', ['-c', 'echo first >&2; echo no luck >&2; exit 5']),
    (e) => isCodedError(e, 'failed_precondition') && e.message.endsWith('ended with 5: no luck'),
  );
});
