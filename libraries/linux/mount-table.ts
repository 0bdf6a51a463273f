import { readFile } from 'node:fs/promises';
import { CodedError } from '@lade/errors';

/** One line of /proc/<pid>/mountinfo (proc_pid_mountinfo(5)). Texts are UTF-8, as in node:fs, escapes resolved. */
export interface MountInfo {
  readonly id: number;
  readonly parentId: number;
  /** "major:minor" of the file system. */
  readonly device: string;
  /** The folder of the file system that is visible here; not `/` for bind mounts of a part. */
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
  /** Of this mount point, then of the file system. */
  readonly options: readonly string[];
  readonly superOptions: readonly string[];
}

/** All mounts that this process sees, parents before what is mounted on them. */
export async function readMounts(): Promise<MountInfo[]> {
  return parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** Throws `data_loss` for a line that is not of the documented form. */
export function parseMountInfo(text: string): MountInfo[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}

/** "id parent device root point options tag… - type source superoptions"; there can be no or several tags. */
function parseLine(line: string): MountInfo {
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  const [id, parentId, device, root, mountPoint, options] = fields;
  const [type, source, superOptions = ''] = fields.slice(separator + 1);
  if (separator < 0 || !device || !root || !mountPoint || !options || !type || source === undefined)
    throw new CodedError('data_loss', `Cannot parse mountinfo line ${JSON.stringify(line)}`);
  return {
    id: Number(id),
    parentId: Number(parentId),
    device,
    root: unescape(root),
    mountPoint: unescape(mountPoint),
    type,
    source: unescape(source),
    options: options.split(','),
    superOptions: unescape(superOptions).split(','),
  };
}

/** The kernel writes space, tab, newline, backslash and `#` as three octal digits. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
