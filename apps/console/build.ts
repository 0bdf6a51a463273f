import { readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';

/*
 * Builds the console into dist/, unless that is newer than all of its sources. Beside each file its compressed copies, and in
 * dist/files.json the names of all that may be served: what is not in it does not exist for the daemon.
 */
const FOLDER = import.meta.dirname;
const DIST = join(FOLDER, 'dist');
const LIST = join(DIST, 'files.json');
const SOURCES = [
  'src',
  'index.html',
  'vite.config.ts',
  'build.ts',
  'package.json',
  '../../package-lock.json',
];
const COMPRESSIBLE = /\.(?:html|js|css|svg|json)$/;

if (process.argv.includes('--force') || (await newest(SOURCES)) > (await modified(LIST))) await build();

async function build(): Promise<void> {
  await rm(LIST, { force: true });
  const { build: bundle } = await import('vite');
  await bundle({ configFile: join(FOLDER, 'vite.config.ts'), logLevel: 'warn' });
  const entries = await readdir(DIST, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  await Promise.all(files.filter((file) => COMPRESSIBLE.test(file)).map(compress));
  // In one step: a daemon that serves these files reads the list at any moment.
  await writeFile(`${LIST}.new`, JSON.stringify(files.map((file) => relative(DIST, file)).sort()));
  await rename(`${LIST}.new`, LIST);
}

async function compress(file: string): Promise<void> {
  const bytes = await readFile(file);
  await writeFile(`${file}.gz`, await promisify(gzip)(bytes, { level: 9 }));
  await writeFile(`${file}.br`, await promisify(brotliCompress)(bytes));
}

async function newest(paths: readonly string[]): Promise<number> {
  const times = await Promise.all(
    paths.map(async (path) => {
      const names = await readdir(join(FOLDER, path), { recursive: true }).catch(() => []);
      return [path, ...names.map((name) => join(path, name))];
    }),
  );
  return Math.max(...(await Promise.all(times.flat().map(async (path) => modified(join(FOLDER, path))))));
}

async function modified(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}
