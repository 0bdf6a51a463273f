import { open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Arguments for child_process: the caller's own arguments follow `args`. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * How to run the program at `path` (such as "usr/bin/fsck.erofs") of a folder of unpacked packages. A dynamic program
 * whose libc was unpacked with it runs through that libc's loader and libraries, so that it may be newer than the
 * machine; every other program runs as it is. `own` names folders of its libraries inside Debian's library folders.
 */
export async function programIn(folder: string, path: string, own: readonly string[] = []): Promise<Program> {
  const command = join(folder, path);
  const interpreter = await readInterpreter(command);
  const libraries = await libraryFolders(folder);
  const loader = interpreter === undefined ? undefined : await findIn(libraries, basename(interpreter));
  if (loader === undefined) return { command, args: [] };
  const searched = libraries.flatMap((library) => [library, ...own.map((name) => join(library, name))]);
  return { command: loader, args: ['--library-path', searched.join(':'), '--argv0', command, command] };
}

/** Debian's library folders, those of the machine's architecture (such as usr/lib/x86_64-linux-gnu) included. */
async function libraryFolders(folder: string): Promise<string[]> {
  const folders: string[] = [];
  for (const base of [join(folder, 'lib'), join(folder, 'usr/lib')]) {
    const names = await readdir(base).catch(() => []);
    folders.push(
      base,
      ...names.filter((name) => name.endsWith('-linux-gnu')).map((name) => join(base, name)),
    );
  }
  return folders;
}

async function findIn(folders: readonly string[], name: string): Promise<string | undefined> {
  for (const folder of folders) {
    if ((await readdir(folder).catch(() => [] as string[])).includes(name)) return join(folder, name);
  }
  return undefined;
}

/**
 * The loader that a 64-bit little-endian ELF file asks for; undefined for a static program or a script.
 *
 * | offset | size | ELF header          | | offset | size | program header |
 * | 4      | 1    | class, 2 = 64 bit   | | 0      | 4    | type, 3 = INTERP |
 * | 32     | 8    | program headers at  | | 8      | 8    | file offset    |
 * | 54     | 2    | size of one         | | 32     | 8    | size in file   |
 * | 56     | 2    | how many            | |        |      |                |
 */
async function readInterpreter(file: string): Promise<string | undefined> {
  await using handle = await open(file);
  const read = async (offset: number, length: number): Promise<Buffer> =>
    (await handle.read(Buffer.alloc(length), 0, length, offset)).buffer;
  const header = await read(0, 64);
  if (header.toString('latin1', 0, 5) !== '\x7fELF\x02') return undefined;
  const size = header.readUInt16LE(54);
  const headers = await read(Number(header.readBigUInt64LE(32)), size * header.readUInt16LE(56));
  for (let at = 0; at < headers.length; at += size) {
    if (headers.readUInt32LE(at) !== 3) continue;
    const name = await read(
      Number(headers.readBigUInt64LE(at + 8)),
      Number(headers.readBigUInt64LE(at + 32)),
    );
    return name.toString('latin1').replace(/\0$/, '');
  }
  return undefined;
}
