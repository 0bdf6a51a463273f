import { readFileSync } from 'node:fs';
import { CodedError, wrapError } from '@lade/errors';

/** The lines of a file as docker takes them: NAME=VALUE, or NAME for what this process has under it; # begins a comment. */
export function readEnvFile(path: string): string[] {
  const entries = readText(path)
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const wrong = entries.find((entry) => !/^[^=\s]+(?:=|$)/.test(entry));
  if (wrong === undefined) return entries;
  throw new CodedError('invalid_argument', `Cannot use ${path}: ${JSON.stringify(wrong)} is no variable`, {
    cure: 'Write NAME=VALUE, one a line',
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (reason) {
    throw wrapError(reason, `Cannot read variables from ${path}`);
  }
}
