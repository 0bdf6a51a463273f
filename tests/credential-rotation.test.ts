import { test } from 'node:test';
import { runUnderRotation } from './rotation-load.ts';
import { needsRoot } from './testbed.ts';

test('nodes notice nothing of keys that end every few seconds', needsRoot, async (t) => {
  const times = { lifetimeMs: 3_000, durationMs: 12_000, outageMs: 1_500 };
  await runUnderRotation(t, { scheme: 'obs', ...times, everyFile: 10, uploadBytes: 20_000_000 });
});
