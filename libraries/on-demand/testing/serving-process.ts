import { join } from 'node:path';
import { openFiles, type Kind } from './both-kinds.ts';
import { TestFile } from './test-file.ts';

/** What a serving process is told, as JSON in its only argument. Its descriptors 3 and 4 are device and journal. */
export interface ServingOrder {
  readonly kind: Kind;
  readonly folder: string;
  readonly fileCount: number;
  readonly blocks: number;
  readonly maxDelayMs: number;
  readonly onStep?: string;
  /** Fail when everything is served. */
  readonly fails?: boolean;
}

const order = JSON.parse(process.argv[2] ?? '') as ServingOrder;
const { kind, folder, fileCount, blocks, maxDelayMs, onStep } = order;
const kept = { kind, folder, device: 3, journal: 4 };
const onFailed = (reason: unknown): void => {
  console.error(reason);
  process.exit(1);
};
await using files = await openFiles(kept, { onFailed, ...(onStep === undefined ? {} : { onStep }) });
for (let number = 0; number < fileCount; number += 1) {
  const path = join(folder, 'files', String(number));
  process.stdout.write(`${await files.serve(await TestFile.open({ number, path, blocks, maxDelayMs }))}\n`);
}
files.allServed();
const stopped = new Promise((resolve) => process.once('SIGTERM', resolve));
process.stdout.write('ready\n');
if (order.fails) process.exit(1);
await stopped;
