import { test } from 'node:test';
import { killAtRandom, openCrashBed } from './on-demand-crashes.ts';
import { needsRoot } from './testbed.ts';

const SEED = Number(process.env['LADE_SEED'] ?? 20_260_101);

for (const fill of ['fanotify', 'fuse'] as const) {
  test(`${fill}: readers notice nothing of daemons and keepers killed at random moments`, needsRoot, async (t) => {
    await using bed = await openCrashBed(t, { fill, seed: SEED });
    await killAtRandom(bed, 20);
    bed.report('20 daemons and 4 keepers killed');
  });
}
