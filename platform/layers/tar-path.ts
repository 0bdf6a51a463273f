import { CodedError } from '@lade/errors';

/** Components of a path without empty ones and dots; `..` is kept. Byte strings, as everywhere in a layer. */
export function splitPath(path: string): string[] {
  return path.split('/').filter((component) => component !== '' && component !== '.');
}

/**
 * Components of an archive path below the layer's root, `..` resolved by the text alone; a leading slash means nothing.
 * Throws `invalid_argument` for a path that climbs out of the root or holds a NUL.
 */
export function cleanPath(path: string): string[] {
  const clean: string[] = [];
  for (const component of splitPath(path)) {
    if (component !== '..') clean.push(component);
    else if (clean.pop() === undefined) throw escapes(path, 'it leads out of the image');
  }
  if (path.includes('\0')) throw escapes(path, 'it holds a NUL');
  return clean;
}

function escapes(path: string, why: string): CodedError {
  const shown = JSON.stringify(Buffer.from(path, 'latin1').toString('utf8'));
  return new CodedError('invalid_argument', `Cannot unpack layer entry ${shown}: ${why}`, {
    cure: 'Do not run this image; tell its publisher',
  });
}
