#!/usr/bin/env node
import { runCommandLine } from './run-command-line.ts';

process.stdout.on('error', (reason: NodeJS.ErrnoException) => {
  if (reason.code === 'EPIPE') process.exit(0);
  throw reason;
});
process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
});
