import { openBucket } from '@lade/bucket';
import { ChunkTable, packKey, readLocalIndex } from '@lade/layers';
import { SILENT } from '@lade/log';
import { ChunkFetcher } from '../chunk-fetcher.ts';
import { createCounters } from '../residency-counters.ts';
import { ResidentBlob } from '../resident-blob.ts';

/*
 * A process to kill: fills the blob of the layer in a folder from a bucket, chunk by chunk, and tells each one that it may
 * show to a reader. Arguments: bucket URL, folder with the index, folder to fill, boot.
 */
const [url = '', source = '', folder = '', boot = ''] = process.argv.slice(2);
const counters = createCounters();
const index = await readLocalIndex(source);
const table = ChunkTable.of(index);
const bucket = await openBucket(url);
const fetcher = new ChunkFetcher({
  bucket,
  log: SILENT,
  counters,
  packs: { find: () => [], learn: async () => {} },
});
const context = {
  fetcher,
  counters,
  log: SILENT,
  localChunks: { find: () => [] },
  room: { reserve: async () => ({ [Symbol.dispose]() {} }) },
};
const blob = await ResidentBlob.open({ folder, diffId: index.header.diffId, table, boot }, context);
process.stdout.write(`open ${index.packs.map(({ digest }) => packKey(digest)).length}\n`);
for (let n = 0; n < table.count; n++) {
  await blob.fill(table.offsetOf(n), 1);
  if (n % 5 === 4) await blob.save();
  process.stdout.write(`${n}\n`);
}
await blob[Symbol.asyncDispose]();
