import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startContainerd } from './containerd.ts';
import { buildImage } from './images/build-image.ts';
import { startOrigin } from './origin.ts';
import { unpackSet } from './packages.ts';
import { READY_COMMANDS, type ReadyImage } from './ready-commands.ts';
import { cacheFolder } from './test-cache.ts';

const asRoot = process.getuid?.() === 0;
if (!asRoot && process.env['CI']) throw new Error('these tests need root');

/** The small ones; `npm run bench cold-start` runs them all. */
const IMAGES: readonly ReadyImage[] = ['python', 'nginx', 'postgres'];

for (const name of IMAGES) {
  const options = { skip: asRoot ? false : 'NOT TESTED: containerd needs root' };
  test(`a container of ${name} does its job and says so`, options, async (t) => {
    const cache = { cacheFolder, log: (line: string) => t.diagnostic(line) };
    await using place = await mkdtempDisposable(join(tmpdir(), 'lade-ready-'));
    const image = await buildImage(name, cache);
    const sets = ['containerd-2.1', 'runc'] as const;
    const packages = await Promise.all(sets.map(async (set) => (await unpackSet(set, cache)).folder));
    await using origin = await startOrigin([image.layout]);
    await using containerd = await startContainerd({ packages, folder: join(place.path, 'cd') });
    const reference = `${origin.address}/${image.name}`;
    await containerd.pull(reference);
    const { stdout, stderr, code } = await containerd.ctr(
      'run',
      '--rm',
      reference,
      `ready-${process.pid}`,
      ...READY_COMMANDS[name],
    );
    assert.equal(code, 0, stderr + stdout);
    assert.ok(stdout.split('\n').includes('ready'), stdout);
  });
}
