import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { killAtRandom, loseBoth, openCrashBed, replaceDaemon } from './on-demand-crashes.ts';
import { needsRoot } from './testbed.ts';

/** What a failed run printed, to see it again. */
const SEED = Number(process.env['LADE_SEED'] ?? randomInt(2 ** 31));
const ROUNDS = 6;
const KILLS = 20;

for (const fill of ['fanotify', 'fuse'] as const) {
  test(`${fill}: readers of cold layers notice nothing of ${ROUNDS * KILLS} deaths`, needsRoot, async (t) => {
    await using bed = await openCrashBed(t, { fill, seed: SEED });
    for (let round = 1; round <= ROUNDS; round++) {
      bed.report(await killAtRandom(bed, KILLS));
      await replaceDaemon(bed, [Math.round(bed.random() * 1000)]);
    }
    await loseBoth(bed);
  });
}
