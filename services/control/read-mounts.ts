import { posix } from 'node:path';
import type { BindMount } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';
import { optionalFlag, optionalTextField, textField } from './fields.ts';

type Body = Readonly<Record<string, unknown>>;

/** As the kernel has it (HOST_NAME_MAX). */
const HOSTNAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/;

/** Throws `invalid_argument`. */
export function readHostname(body: Body): string | undefined {
  const hostname = optionalTextField(body, 'hostname');
  if (hostname === undefined || HOSTNAME.test(hostname)) return hostname;
  throw unusable('hostname has to be at most 64 letters, digits, dots and dashes');
}

/** Throws `invalid_argument` for paths that are not absolute, and for what would take the place of the whole root. */
export function readMounts({ mounts }: Body): BindMount[] | undefined {
  if (mounts === undefined) return undefined;
  if (!Array.isArray(mounts)) throw unusable('mounts has to be a list');
  return mounts.map((mount: unknown) => {
    if (typeof mount !== 'object' || mount === null) throw unusable('mounts has to be a list of objects');
    const fields = mount as Body;
    const readOnly = optionalFlag(fields, 'readOnly');
    const [source, destination] = [pathIn(fields, 'source'), pathIn(fields, 'destination')];
    if (destination === '/') throw unusable('no mount can take the place of the root');
    return { source, destination, ...(readOnly === undefined ? {} : { readOnly }) };
  });
}

function pathIn(fields: Body, name: string): string {
  const path = textField(fields, name);
  if (!path.startsWith('/') || path.includes('\0'))
    throw unusable(`${name} of a mount has to be an absolute path, not ${JSON.stringify(path)}`);
  const normal = posix.normalize(path);
  return normal === '/' ? normal : normal.replace(/\/$/, '');
}

function unusable(state: string): CodedError {
  return new CodedError('invalid_argument', `Cannot read the request: ${state}`);
}
