import { fileURLToPath } from 'node:url';

/** The command line of `lade`, as its own first line has it. */
export const LADE: readonly [command: string, ...args: string[]] = [
  process.execPath,
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--',
  fileURLToPath(new URL('../cli/lade.mjs', import.meta.url)),
];
