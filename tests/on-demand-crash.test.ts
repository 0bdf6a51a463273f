import { test } from 'node:test';
import {
  dieAtSteps,
  dieWhileMounting,
  killAtRandom,
  loseBoth,
  openCrashBed,
  replaceDaemon,
} from './on-demand-crashes.ts';
import { inSteps, needsRoot } from './testbed.ts';

/*
 * Daemons and keepers die under four processes that read cold layers, through the real kernel and a bucket that takes its
 * time: who reads notices nothing. LADE_SEED repeats a run.
 */
const SEED = Number(process.env['LADE_SEED'] ?? 20_260_101);
const KILLS = 20;

/** Of a fill, in this order; the second is how many others of its kind come before. */
const STEPS = [
  ['read', 9],
  ['journaled', 5],
  ['asked', 4],
  ['fetched', 3],
  ['torn', 2],
  ['written', 3],
  ['resident', 4],
  ['filled', 3],
  ['answered', 7],
  ['freed', 8],
  ['recording', 1],
  ['recorded', 1],
] as const;

for (const fill of ['fanotify', 'fuse'] as const) {
  test(`${fill}: readers of cold layers notice nothing`, needsRoot, async (t) => {
    const step = inSteps(t);
    await using bed = await openCrashBed(t, { fill, seed: SEED });

    await step('when daemons are killed at random moments, and keepers between them', async () => {
      bed.report(await killAtRandom(bed, KILLS));
    });

    await step('when the daemon dies at each step of a fill', async () => {
      await dieAtSteps(bed, STEPS);
      bed.report(`${STEPS.length} daemons killed at steps`);
    });

    await step('when the daemon dies while it mounts a layer', async () => {
      await dieWhileMounting(bed, ['read', 'answered']);
      bed.report('2 daemons killed at their own mounts');
    });

    await step('when the daemon is replaced', async () => {
      await replaceDaemon(bed, [0, 700]);
      bed.report('2 daemons replaced');
    });

    await step('later, when both die at once: the next daemon tells, and mounts anew', async () => {
      await loseBoth(bed);
      bed.report('daemon and keeper killed at once');
    });
  });
}
