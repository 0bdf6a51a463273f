import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { runCrashRounds } from './crash-rounds.ts';
import { needsRoot } from './testbed.ts';

/** What a failed run printed, to see it again. */
const SEED = Number(process.env['LADE_SEED'] ?? randomInt(2 ** 31));

for (const version of ['1.7', '2.1'] as const) {
  test(
    `a daemon that is killed at random moments loses nothing, containerd ${version}`,
    needsRoot,
    async (t) => {
      await runCrashRounds(t, { rounds: 150, seed: SEED, version });
    },
  );
}
