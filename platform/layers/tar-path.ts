import { CodedError } from '@lade/errors';

/** Components of a path without empty ones and dots; `..` is kept. Byte strings, as everywhere in a layer. */
export function splitPath(path: string): string[] {
  return path.split('/').filter((component) => component !== '' && component !== '.');
}

/** Linux takes no longer path, its terminator not counted. */
const MAX_PATH_BYTES = 4095;

/**
 * Components of an archive path below the layer's root, `..` resolved by the text alone; a leading slash means nothing.
 * Throws `invalid_argument` for a path that climbs out of the root, holds a NUL or is too long.
 */
export function cleanPath(path: string): string[] {
  if (path.length > MAX_PATH_BYTES)
    throw unusable(
      `${path.slice(0, 100)}…`,
      `its path has ${path.length} bytes, Linux takes ${MAX_PATH_BYTES}`,
    );
  const clean: string[] = [];
  for (const component of splitPath(path)) {
    if (component !== '..') clean.push(component);
    else if (clean.pop() === undefined) throw unusable(path, 'it leads out of the image');
  }
  if (path.includes('\0')) throw unusable(path, 'it holds a NUL');
  return clean;
}

function unusable(path: string, why: string): CodedError {
  const shown = JSON.stringify(Buffer.from(path, 'latin1').toString('utf8'));
  return new CodedError('invalid_argument', `Cannot unpack layer entry ${shown}: ${why}`, {
    cure: 'Do not run this image; tell its publisher',
  });
}
