import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ContainerSummary } from '@lade/control-protocol';
import { endingOf, openSite, type ContainerSite } from './container-site.ts';
import { Testbed, inSteps, needsRoot, waitUntil } from './testbed.ts';

/*
 * Containers through the control API, with a real containerd. What it keeps of them is looked at with ctr.
 */

const PREFIX = `lade-${process.pid}`;

async function find({ client }: ContainerSite, id: string): Promise<ContainerSummary | undefined> {
  return (await client.containers.list()).find((container) => container.id === id);
}

/** Nothing of any container is there any more. */
async function assertNothingLeft({ node, client }: ContainerSite): Promise<void> {
  assert.deepEqual(await client.containers.list(), []);
  assert.equal((await node.ctr('tasks', 'ls', '-q')).trim(), '');
  const snapshots = await node.ctr('snapshots', '--snapshotter', 'lade', 'ls');
  assert.ok(!snapshots.includes(PREFIX) && !snapshots.includes('Active'), snapshots);
  const folders = await readdir(join(node.root, 'containers/default')).catch(() => []);
  assert.deepEqual(folders, []);
  await waitUntil('fifos are gone', async () => (await readdir(join(node.root, 'pipes'))).length === 0);
  assert.deepEqual(await readdir(join(node.root, 'mounted')), []);
}

for (const version of ['1.6', '1.7', '2.1'] as const) {
  test(`containers are run, seen and ended, containerd ${version}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    await using site = await openSite(bed, version);
    const { client, reference: image } = site;
    const { containers } = client;
    const step = inSteps(t);
    const id = `${PREFIX}-${version.replace('.', '')}`;

    await step('a run in the foreground tells what it wrote, apart, and how it ended', async () => {
      const args = ['sh', '-c', 'echo out; echo err >&2; exit 7'];
      const ending = await endingOf(containers.run({ image, args, remove: true }));
      assert.deepEqual(ending, { stdout: 'out\n', stderr: 'err\n', exitStatus: 7 });
      assert.equal((await endingOf(containers.run({ image, remove: true }))).stdout, 'by default\n');
      await assertNothingLeft(site);
    });

    await step('one that is detached goes on, and is stopped by the signal of its image', async () => {
      const args = [
        'sh',
        '-c',
        'trap "echo bye; exit 3" USR1; echo one; sleep 0.2; echo two >&2; while :; do sleep 0.1; done',
      ];
      const kinds: string[] = [];
      for await (const { kind } of containers.run({ image, id, args, detach: true })) kinds.push(kind);
      assert.deepEqual(kinds, ['created', 'started']);
      const running = await find(site, id);
      assert.equal(running?.state, 'running');
      assert.ok((running.pid ?? 0) > 0 && (running.startMs ?? 0) > 0 && running.startedAt !== undefined);
      await assert.rejects(containers.remove(id), { code: 'failed_precondition' });
      const following = endingOf(containers.logs(id, { follow: true }));
      await containers.stop(id);
      assert.equal((await following).stdout, 'one\ntwo\nbye\n');
      const { state, exitStatus, hasLogs } = (await find(site, id)) ?? {};
      assert.deepEqual({ state, exitStatus, hasLogs }, { state: 'stopped', exitStatus: 3, hasLogs: true });
      assert.equal((await endingOf(containers.logs(id, { tail: 2 }))).stdout, 'two\nbye\n');
      await containers.stop(id);
      await containers.remove(id);
      await assert.rejects(containers.remove(id), { code: 'not_found' });
      await assertNothingLeft(site);
    });
  });
}
