import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { openBucket } from '@lade/bucket';
import { fillWhole } from './fill-whole.ts';
import { BOOT, openFiller, publishTestLayer, type PublishedLayer } from './testing/published-layer.ts';

/** Fills in a process of its own, which is killed once it has told `chunks` chunks. */
async function fillAndKill(layer: PublishedLayer, url: string, chunks: number): Promise<void> {
  const script = join(import.meta.dirname, 'testing/fill-forever.ts');
  const child = spawn(process.execPath, [script, url, layer.original, layer.folder, BOOT], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  let told = -1;
  for await (const _ of createInterface(child.stdout)) if (++told === chunks) child.kill('SIGKILL');
  await exited;
  assert.ok(told >= chunks, 'the filling process ended by itself');
}

test('whenever a fill is killed, the next one finds nothing wrong and fetches what is not here alone', async () => {
  await using layer = await publishTestLayer();
  const url = `file://${join(layer.root, 'bucket')}`;
  await mkdir(join(layer.root, 'bucket'));
  await using directory = await openBucket(url);
  for (const key of layer.packs) {
    const { body, sizeBytes } = await layer.bucket.get(key);
    await directory.put(key, body, { sizeBytes });
  }
  const good = await readFile(join(layer.original, 'blob'));
  for (const chunks of [0, 1, 4, 5, 7, 12, 17]) {
    await rm(layer.folder, { recursive: true });
    await mkdir(layer.folder);
    await fillAndKill(layer, url, chunks);
    await using filler = openFiller(layer);
    const blob = await filler.open();
    const bytes = await readFile(blob.path);
    for (let n = 0; n < layer.table.count; n++) {
      const [start, end] = [layer.table.offsetOf(n), layer.table.offsetOf(n + 1)];
      if (blob.isResident(n))
        assert.ok(bytes.subarray(start, end).equals(good.subarray(start, end)), `chunk ${n} is wrong`);
    }
    await fillWhole(blob, {});
    assert.ok((await readFile(blob.path)).equals(good));
    const here = [...layer.table].slice(0, chunks).filter(({ place }) => place.kind !== 'zero').length;
    const all = [...layer.table].filter(({ place }) => place.kind !== 'zero').length;
    assert.ok(
      filler.counters.fills.bucket.chunks <= all - here,
      `${filler.counters.fills.bucket.chunks} fetched after ${chunks}`,
    );
  }
});
