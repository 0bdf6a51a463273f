import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CodedError } from '@lade/errors';
import { unpackSet } from '@lade/sandbox';

const SOURCE = join(import.meta.dirname, 'suites_test.go');
const GO_ROOT = 'usr/lib/go-1.27';
/** A first compilation builds Go's own library too. */
const COMPILE_MS = 600_000;

/**
 * The program that runs containerd's suites, built by the packages' own compiler from their sources and ours; kept in the cache
 * for as long as none of them changes. Throws `unavailable` with what the compiler said.
 */
export async function compileSuites(cacheFolder: string, log: (line: string) => void): Promise<string> {
  const { folder, versions } = await unpackSet('containerd-suites', { cacheFolder, log });
  const source = await readFile(SOURCE, 'utf8');
  const name = hash('sha256', JSON.stringify([versions, source])).slice(0, 16);
  const binaries = join(cacheFolder, 'upstream');
  const binary = join(binaries, `suites-${name}.test`);
  if (await stat(binary).catch(() => undefined)) return binary;
  log('Compiling containerd’s suites');
  await mkdir(binaries, { recursive: true });
  const temporary = `${binary}.${process.pid}`;
  const go = join(folder, GO_ROOT);
  const env = {
    PATH: process.env['PATH'],
    HOME: binaries,
    GOROOT: go,
    GOPATH: join(folder, 'usr/share/gocode'),
    GOCACHE: join(binaries, 'cache'),
    GO111MODULE: 'off',
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '0',
  };
  try {
    const args = ['test', '-c', '-o', temporary, '.'];
    const options = { cwd: import.meta.dirname, env, timeout: COMPILE_MS };
    await promisify(execFile)(join(go, 'bin/go'), args, options);
  } catch (reason) {
    const said = String((reason as { stderr?: string }).stderr ?? reason);
    throw new CodedError('unavailable', `Cannot compile containerd’s suites: ${said}`, { cause: reason });
  }
  await rename(temporary, binary);
  return binary;
}
