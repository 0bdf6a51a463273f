import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { LADE } from '@lade/tour/lade-program';
import { needsRoot } from '../testbed.ts';

/*
 * containerd's own suites for snapshotters and content stores, against the socket of a real daemon.
 */
const SUITES = [
  ['TestSnapshots', 21],
  ['TestContent', 12],
] as const;

for (const [suite, cases] of SUITES) {
  test(`containerd's own suite: ${suite}`, needsRoot, async (t) => {
    const binary = process.env['LADE_UPSTREAM_SUITES'] ?? '';
    assert.notEqual(binary, '', 'npm test and npm run test:upstream compile the suites');
    const { output, code } = await run(binary, suite, t.signal);
    const results = [...output.matchAll(/^ {4}--- (PASS|FAIL|SKIP): \w+\/(\S+)/gm)];
    for (const [, result, name] of results)
      await t.test(String(name), () => assert.equal(result, 'PASS', output));
    assert.equal(results.length, cases, output);
    assert.equal(code, 0, output);
  });
}

/** In mount and process namespaces of its own: whatever the suite leaves goes with it. */
async function run(
  binary: string,
  suite: string,
  signal: TestContext['signal'],
): Promise<{ readonly output: string; readonly code: number | null }> {
  const args = [
    '--mount',
    '--propagation',
    'private',
    '--pid',
    '--mount-proc',
    '--fork',
    '--kill-child',
    binary,
  ];
  const env = { ...process.env, LADE_COMMAND: LADE.join('\n') };
  const child = spawn('unshare', [...args, '-test.v', `-test.run=^${suite}$`], {
    env,
    signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { output, code };
}
