import { createHash, hash } from 'node:crypto';
import { constants, createReadStream, type BigIntStats } from 'node:fs';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { getXattr, listXattrs } from '@lade/linux';

/**
 * Differences between two folders and everything below: names, types, modes, owners, modification times to the
 * nanosecond, extended attributes, link counts and device numbers of non-directories, symlink targets, contents. Each
 * is one line "<path>: <property> <left> | <right>"; paths are byte strings (latin1) relative to the folders.
 */
export async function compareTrees(
  left: string,
  right: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<string[]> {
  const differences: string[] = [];
  const pending = [''];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    options.signal?.throwIfAborted();
    const [a, b] = await Promise.all([left, right].map(async (root) => describe(root, path)));
    if (!a || !b) continue;
    differences.push(...compareEntries(path === '' ? '.' : path, a, b));
    for (const name of new Set([...a.names, ...b.names])) {
      const child = path === '' ? name : `${path}/${name}`;
      if (a.names.has(name) && b.names.has(name)) pending.push(child);
      else differences.push(`${child}: only ${a.names.has(name) ? 'left' : 'right'}`);
    }
  }
  return differences.sort();
}

const CHUNK_BYTES = 1024 * 1024;

interface Entry {
  readonly properties: Readonly<Record<string, string>>;
  /** Of a directory. */
  readonly names: ReadonlySet<string>;
}

function compareEntries(path: string, a: Entry, b: Entry): string[] {
  const keys = new Set([...Object.keys(a.properties), ...Object.keys(b.properties)]);
  return [...keys]
    .filter((key) => a.properties[key] !== b.properties[key])
    .map((key) => `${path}: ${key} ${a.properties[key] ?? 'none'} | ${b.properties[key] ?? 'none'}`);
}

async function describe(root: string, path: string): Promise<Entry> {
  const place = Buffer.concat([Buffer.from(root), Buffer.from(path === '' ? '' : `/${path}`, 'latin1')]);
  const stats = await lstat(place, { bigint: true });
  const names = stats.isDirectory() ? await readdir(place, { encoding: 'buffer' }) : [];
  return {
    names: new Set(names.map((name) => name.toString('latin1'))),
    properties: {
      type: typeOf(stats),
      mode: (stats.mode & 0o7777n).toString(8),
      owner: `${stats.uid}:${stats.gid}`,
      mtime: `${stats.mtimeNs / 1_000_000_000n}.${String(stats.mtimeNs % 1_000_000_000n).padStart(9, '0')}`,
      ...(stats.isDirectory() ? {} : { links: String(stats.nlink) }),
      ...(stats.isCharacterDevice() || stats.isBlockDevice() ? { device: deviceOf(stats.rdev) } : {}),
      ...(stats.isFile() ? { size: String(stats.size), content: await hashFile(place, stats.size) } : {}),
      ...(stats.isSymbolicLink()
        ? { target: (await readlink(place, { encoding: 'buffer' })).toString('latin1') }
        : {}),
      ...describeXattrs(place),
    },
  };
}

function typeOf(stats: BigIntStats): string {
  const type = Number(stats.mode) & constants.S_IFMT;
  const known = Object.entries(TYPES).find(([, value]) => value === type);
  return known?.[0] ?? type.toString(8);
}

const TYPES = {
  file: constants.S_IFREG,
  directory: constants.S_IFDIR,
  symlink: constants.S_IFLNK,
  character: constants.S_IFCHR,
  block: constants.S_IFBLK,
  fifo: constants.S_IFIFO,
  socket: constants.S_IFSOCK,
};

/** glibc's dev_t: the minor number around the major one. */
function deviceOf(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffffffffn);
  return `${major}:${minor}`;
}

async function hashFile(place: Buffer, size: bigint): Promise<string> {
  if (size <= CHUNK_BYTES) return hash('sha256', await readFile(place), 'hex');
  const hasher = createHash('sha256');
  await pipeline(createReadStream(place, { highWaterMark: CHUNK_BYTES }), hasher);
  return hasher.digest('hex');
}

function describeXattrs(place: Buffer): Record<string, string> {
  const values = listXattrs(place).map((name) => [name, getXattr(place, name) ?? Buffer.alloc(0)] as const);
  return Object.fromEntries(
    values.map(([name, value]) => [`xattr ${name}`, Buffer.from(value).toString('hex')]),
  );
}
