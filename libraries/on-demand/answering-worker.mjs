import { enableCompileCache } from 'node:module';
import { workerData } from 'node:worker_threads';

// Each thread has a compiler of its own: with the cache of the process, where it has one, this thread strips no types.
if (workerData.compileCache !== undefined) enableCompileCache(workerData.compileCache);
await import('./answering-worker.ts');
