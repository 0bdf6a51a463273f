import { join } from 'node:path';

/**
 * The path of a key below its bucket's folder: each segment is a name, with a leading dot written `%2E` and a leading
 * percent sign `%25`. Names that start with a dot are therefore free for the bucket's own use.
 */
export function pathOfKey(key: string): string {
  return join(...key.split('/').map((segment) => segment.replace(/^%/, '%25').replace(/^\./, '%2E')));
}

/** The inverse of pathOfKey(), for one name. */
export function segmentOfName(name: string): string {
  return name.replace(/^%2E/, '.').replace(/^%25/, '%');
}
