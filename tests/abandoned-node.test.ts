import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  findProcessesOf,
  killProcessesOf,
  mountPointsBelow,
  startOrigin,
  unmountBelow,
  unpackSet,
} from '@lade/sandbox';
import { CACHE } from './programs.ts';
import { Testbed, needsRoot, waitUntil } from './testbed.ts';

/* A test that is killed, or runs out of time, is cleaned up after: the daemon's keeper too, which outlives everybody else. */

test('of a node whose process is killed nothing stays', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const { layout, name } = await bed.image('busybox');
  await using origin = await startOrigin([layout]);
  const packages = await Promise.all(
    (['containerd-2.1', 'runc'] as const).map(
      async (set) => (await unpackSet(set, { cacheFolder: CACHE })).folder,
    ),
  );
  const folder = join(bed.folder, 'abandoned');
  const bucketUrl = await bed.bucket('directory');
  const options = { folder, packages, containerdVersion: '2.1', bucketUrl, flags: ['--restart', 'on'] };
  const program = `
    const { LadeNode } = await import(${JSON.stringify(import.meta.resolve('@lade/tour'))});
    const node = await LadeNode.start(${JSON.stringify(options)});
    const reference = ${JSON.stringify(`${origin.address}/${name}`)};
    await node.containerd.pull(reference, { snapshotter: 'lade' });
    await node.run(reference, '/bin/busybox', 'true');
    console.log('runs');`;
  const victim = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await using rest = new AsyncDisposableStack();
  rest.defer(async () => {
    victim.kill('SIGKILL');
    await killProcessesOf(folder);
    await unmountBelow(folder);
  });
  const [line] = (await once(victim.stdout, 'data')) as [Buffer];
  assert.equal(line.toString().trim(), 'runs');
  assert.ok((await mountPointsBelow(folder)).length > 0);
  assert.ok((await findProcessesOf(folder)).length > 2);
  victim.kill('SIGKILL');
  await once(victim, 'exit');
  const isGone = async (path: string): Promise<boolean> =>
    access(path).then(
      () => false,
      () => true,
    );
  await waitUntil('its folder is gone', async () => isGone(folder));
  assert.deepEqual(await mountPointsBelow(folder), []);
  assert.deepEqual(await findProcessesOf(folder), []);
});
