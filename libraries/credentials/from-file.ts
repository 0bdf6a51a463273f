import { readFile } from 'node:fs/promises';
import type { CredentialFinder } from './credentials.ts';
import { parseCredentials, unusable } from './parse-credentials.ts';

/** A JSON file, which may be replaced at any time: see parseCredentials(). */
export function fromFile(path: string): CredentialFinder {
  const source = `file ${path}`;
  return async (signal) => {
    let text: string;
    try {
      text = await readFile(path, { encoding: 'utf8', signal });
    } catch (reason) {
      signal.throwIfAborted();
      throw unusable(source, `it cannot be read (${(reason as NodeJS.ErrnoException).code})`, reason);
    }
    return { ...parseCredentials(text, source), source };
  };
}
