import type { TextStream } from './command.ts';

/** One document, for scripts. */
export function writeJson(stdout: TextStream, value: unknown): void {
  stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** One event of a stream, on a line of its own. */
export function writeJsonLine(stdout: TextStream, value: unknown): void {
  stdout.write(`${JSON.stringify(value)}\n`);
}
