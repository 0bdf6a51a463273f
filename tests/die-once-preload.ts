import { syncBuiltinESMExports } from 'node:module';
import workers, { isMainThread, Worker, type WorkerOptions } from 'node:worker_threads';
import { BlobFile } from '../platform/residency/blob-file.ts';
import { die, isDue, onStep } from './die-once.ts';

interface Originals {
  readonly write: (this: BlobFile, number: number, raw: Uint8Array) => Promise<void>;
  readonly setResident: (this: BlobFile, number: number) => void;
  readonly save: (this: BlobFile) => Promise<void>;
}

/* Loaded before a daemon's own modules: makes the steps of a fill places to die at (die-once.ts). */
class WorkerWithSteps extends Worker {
  constructor(url: URL, options: WorkerOptions) {
    const workerData = { ...(options.workerData as object), onStep: import.meta.resolve('./die-once.ts') };
    super(url, url.pathname.endsWith('/answering-worker.mjs') ? { ...options, workerData } : options);
  }
}

if (isMainThread) {
  workers.Worker = WorkerWithSteps;
  syncBuiltinESMExports();
  const { write, setResident, save } = BlobFile.prototype as Originals;
  BlobFile.prototype.write = async function (number, raw) {
    onStep('fetched');
    if (isDue('torn')) {
      await write.call(this, number, raw.subarray(0, raw.byteLength / 2));
      die();
    }
    await write.call(this, number, raw);
    onStep('written');
  };
  BlobFile.prototype.setResident = function (number) {
    setResident.call(this, number);
    onStep('resident');
  };
  BlobFile.prototype.save = async function () {
    onStep('recording');
    await save.call(this);
    onStep('recorded');
  };
}
