import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

const INSIDE = 'LADE_PRIVATE_MOUNTS';

/**
 * For test files that mount: declares their tests in a child process with a mount namespace of its own, so that the machine
 * never sees a mount and none survives. `file` is the calling module's `import.meta.filename`. Needs root.
 */
export function testInPrivateMounts(file: string, declareTests: () => void): void {
  if (process.env[INSIDE] !== undefined) {
    declareTests();
    return;
  }
  void test(`${basename(file)} in a mount namespace of its own`, async (t) => {
    if (process.getuid?.() !== 0) {
      assert.equal(process.env['CI'], undefined, 'these tests need root');
      t.skip('SKIPPED, NOT TESTED: mounting needs root');
      return;
    }
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const child = spawn('unshare', ['--mount', '--propagation', 'private', process.execPath, file], {
      env: { ...env, [INSIDE]: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
      signal: t.signal,
    });
    const exit = new Promise<number | null>((resolve, reject) =>
      child.once('error', reject).once('close', resolve),
    );
    const output = await text(child.stdout);
    assert.equal(await exit, 0, output);
    t.diagnostic(/pass \d+/.exec(output)?.[0] ?? 'no summary');
  });
}
