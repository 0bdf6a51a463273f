#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Plain JavaScript, so that nothing has to strip types: a third of the memory.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/lade'));
const { runKeeper } = await import('./run-keeper.ts');
await runKeeper(process.argv.slice(2));
