import { test } from 'node:test';
import { runCrashRounds } from './crash-rounds.ts';
import { needsRoot } from './testbed.ts';

test('a daemon that is killed at random moments loses nothing', needsRoot, async (t) => {
  await runCrashRounds(t, { rounds: 10, seed: 20_260_101, version: '2.1' });
});
