#!/usr/bin/env -S node --max-semi-space-size=1 --v8-pool-size=1 --
// The last two dashes keep Node from options that are for a container's program, such as --env-file.
// Bulk data lives in buffers outside of the JavaScript heap, so a small young generation (1 MiB) costs no speed and saves
// 20 MB; the daemon collects garbage when it has nothing else to do.
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Plain JavaScript, so that from the second start on nothing has to strip types: half the start-up time, 20 MB less.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/lade'));
await import('./main.ts');
