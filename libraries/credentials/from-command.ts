import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { CredentialFinder } from './credentials.ts';
import { parseCredentials, unusable } from './parse-credentials.ts';

const MAX_OUTPUT_BYTES = 64 << 10;

/** A shell command that prints what AWS's credential_process prints: see parseCredentials(). It runs anew whenever they expire. */
export function fromCommand(command: string): CredentialFinder {
  const source = `command ${command.split(/\s/, 1)[0]}`;
  return async (signal) => {
    const output = await promisify(execFile)('/bin/sh', ['-c', command], {
      signal,
      maxBuffer: MAX_OUTPUT_BYTES,
    }).catch((reason: unknown) => {
      signal.throwIfAborted();
      const { code } = reason as { readonly code?: number | string };
      throw unusable(source, `it failed (${code ?? 'it was killed'})`);
    });
    return { ...parseCredentials(output.stdout, source), source };
  };
}
