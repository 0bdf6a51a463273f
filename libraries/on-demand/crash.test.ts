import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testInPrivateMounts } from '@lade/linux/private-mounts';
import type { Step } from './index.ts';
import { keep, KINDS, type Kept, type Kind } from './testing/both-kinds.ts';
import { dieAtStep } from './testing/die-at-step.ts';
import { mountErofsOver } from './testing/erofs-over.ts';
import { hashElsewhere } from './testing/read-files.ts';
import { serveUntilDisposed, startServing, type Serving } from './testing/serve-until-disposed.ts';
import { TestFile } from './testing/test-file.ts';

/** The first that FUSE reads is how it gets to know the kernel. */
const DEATHS: readonly (readonly [step: Step, count: number])[] = [
  ['read', 1],
  ['read', 8],
  ['journaled', 6],
  ['asked', 5],
  ['filled', 4],
  ['answered', 7],
  ['freed', 8],
];
const FILES = 4;
const BLOCKS = 512;

testInPrivateMounts(import.meta.filename, () => {
  for (const kind of KINDS) {
    for (const [step, count] of DEATHS)
      test(`${kind}: readers notice nothing of a process that dies the ${count}. time after "${step}"`, async () => {
        await using kept = await keep(kind);
        const onStep = dieAtStep(step, count);
        const order = { fileCount: FILES, blocks: BLOCKS, maxDelayMs: 5, onStep };
        await using serving = await serveUntilDisposed(kept, order);
        await assertReadersSeeAll(kept, serving);
        assert.ok(serving.deaths > 0);
      });
    test(`${kind}: a process that fails ends, and leaves the rest to the next one`, async () => {
      await using kept = await keep(kind);
      const order = { fileCount: FILES, blocks: BLOCKS, maxDelayMs: 5 };
      const child = startServing(kept, { ...order, fails: true });
      const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(60_000) });
      assert.equal(code, 1);
      await using serving = await serveUntilDisposed(kept, order);
      await assertReadersSeeAll(kept, serving);
    });
    test(`${kind}: readers notice nothing of a process that is killed again and again`, async () => {
      await using kept = await keep(kind);
      await using serving = await serveUntilDisposed(kept, {
        fileCount: FILES,
        blocks: BLOCKS,
        maxDelayMs: 50,
      });
      const reading = assertReadersSeeAll(kept, serving);
      for (let kills = 0; kills < 10; kills += 1) {
        await sleep(Math.random() * 100);
        serving.kill();
        await serving.ready();
      }
      await reading;
    });
  }
});

/** Two readers for each file, through EROFS, and one past it. */
async function assertReadersSeeAll({ kind, folder }: Kept, { paths }: Serving): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const readers = paths.map(async (path, number) => {
    const own = join(folder, String(number));
    await mkdir(own);
    const { file } = stack.use(await mountErofsOver(own, path, BLOCKS));
    const want = await wantedHash(kind, folder, number);
    const seen = await Promise.all([hashElsewhere(file), hashElsewhere(path), hashElsewhere(file)]);
    assert.deepEqual(seen.flat(), [want, want, want]);
  });
  await Promise.all(readers);
}

async function wantedHash(kind: Kind, folder: string, number: number): Promise<string> {
  const path = join(folder, `want-${kind}-${number}`);
  return (await TestFile.open({ number, path, blocks: BLOCKS })).sha256;
}
