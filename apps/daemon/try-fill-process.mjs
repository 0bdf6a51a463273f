#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// A process of its own, started by prove-fill.ts with a kind and a root: what the trial takes, a daemon need not keep.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/lade'));
const { tryFill } = await import('./try-fill.ts');
const [kind, root] = process.argv.slice(2);
await tryFill(kind, root).catch((reason) => {
  process.stderr.write(reason.message);
  process.exitCode = 1;
});
