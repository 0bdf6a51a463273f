import { resolve } from 'node:path';
import { decodedPath, unusable } from '../bucket-url.ts';

/** The folder of file:///folder. */
export function folderOf(parsed: URL, url: string): string {
  const folder = decodedPath(parsed, url);
  if (parsed.search !== '' || parsed.hash !== '')
    throw unusable(url, 'it has parameters; write ? as %3F and # as %23');
  if (parsed.host !== '' || resolve(folder) === '/') throw unusable(url, 'it names no folder');
  return resolve(folder);
}
