import { mkdir, mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { MOUNT_CASES } from './conformance-mount-cases.ts';
import { STATE_CASES } from './conformance-state-cases.ts';
import type { ConformanceCase, ConformanceSubject } from './conformance-subject.ts';

export type { ConformanceSubject } from './conformance-subject.ts';

/**
 * Registers the cases of containerd's snapshotter suite (core/snapshots/testsuite) as tests. `open` makes an empty
 * snapshotter with its state below `root`. Cases with mounts need root and are skipped without.
 */
export function testSnapshotter(name: string, open: (root: string) => Promise<ConformanceSubject>): void {
  const unprivileged = process.getuid?.() !== 0 && process.env['CI'] === undefined;
  describe(`${name} as containerd's suite wants it`, () => {
    for (const [title, run] of Object.entries(STATE_CASES)) test(title, async () => runCase(open, run));
    for (const [title, run] of Object.entries(MOUNT_CASES)) {
      const skip = unprivileged && 'SKIPPED: mounts snapshots, which needs root';
      test(title, { skip }, async () => runCase(open, run));
    }
  });
}

async function runCase(
  open: (root: string) => Promise<ConformanceSubject>,
  run: ConformanceCase,
): Promise<void> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-snapshots-'));
  const [root, work] = [join(folder.path, 'root'), join(folder.path, 'work')];
  await mkdir(root);
  await mkdir(work);
  await using snapshotter = await open(root);
  await run(snapshotter, work);
}
