import assert from 'node:assert/strict';
import { chmod, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ContainerdClient } from '@lade/containerd-client';
import { startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { sizesOfLayers } from './allocated-layers.ts';
import { PRINT_TALL, writeTallImage } from './tall-image.ts';
import { Testbed, inSteps, needsRoot, waitUntil, type ContainerdVersion } from './testbed.ts';

/*
 * Containers in user namespaces: mounts map the ids of the layers, and nothing of the image is read for that.
 */
const HOST_ID = 100_000;
const MAPPING = ['--uidmap', `0:${HOST_ID}:65536`, '--gidmap', `0:${HOST_ID}:65536`, '--remap-labels'];
const QUIET = ['--background-rate', '0'];
/** Of files and folders with owners of their own, and what became of root's. */
const LOOK = `stat -c '%n %a %u:%g' / /bin /etc/passwd /var/local; cat /proc/self/uid_map
 cd /root; echo text > new; chown 5:6 new; mkdir -p /var/local/deep; rm /etc/issue; stat -c '%n %u:%g' new /var/local/deep`;
const SEEN = `/ 755 0:0
/bin 777 0:0
/etc/passwd 644 0:0
/var/local 2775 0:50
         0     ${HOST_ID}      65536
new 5:6
/var/local/deep 0:50
`;

for (const [version, fill] of [
  ['2.1', 'fanotify'],
  ['2.1', 'fuse'],
  ['1.7', 'auto'],
] as const satisfies readonly (readonly [ContainerdVersion, string])[]) {
  test(`containers in a user namespace, containerd ${version}, fill ${fill}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const { layout, name } = await bed.image('python');
    const bucketUrl = await bed.bucket('directory');
    const first = await bed.node('first', bucketUrl, version, ['--fill', fill]);
    const second = await bed.node('second', bucketUrl, version, ['--fill', fill, ...QUIET]);
    // runc looks for the root of the container as the container's root.
    await chmod(bed.folder, 0o711);
    let reference = '';

    await step('one starts on an empty node, sees the right owners, and writes with them', async () => {
      await using origin = await startOrigin([layout]);
      reference = `${origin.address}/${name}`;
      await first.containerd.pull(reference, { snapshotter: 'lade' });
      await first.publishes(reference);
      await first.uploaded();
      await second.ladeOrThrow('pull', reference);
      const before = await allocated(second);
      const id = `user-${process.pid}-${version}-${fill}`;
      const run = ['run', '--detach', ...MAPPING, '--snapshotter', 'lade'] as const;
      await second.ctr(...run, reference, id, 'sleep', '1000');
      assert.equal(await second.ctr('tasks', 'exec', '--exec-id', 'look', id, 'sh', '-c', LOOK), SEEN);
      const [whole, filled] = [await allocated(first), await allocated(second)];
      t.diagnostic(`${before} of ${whole} bytes before the start, ${filled} after it`);
      assert.ok(filled - before < whole / 4, `${filled - before} of ${whole} bytes were brought`);
      await assertWritten(second, id);
      await second.stopDaemon();
      await second.startDaemon();
      await second.ctr('tasks', 'delete', '--force', id);
      await second.ctr('tasks', 'start', '--detach', id);
      assert.match(
        await second.ctr('tasks', 'exec', '--exec-id', 'again', id, 'cat', '/root/new'),
        /^text$/m,
      );
      await second.ctr('tasks', 'delete', '--force', id);
      await second.ctr('containers', 'delete', id);
      // How soon containerd collects its garbage depends on how long it took before.
      await second.containerd.ctr('content', 'prune', 'references');
      await waitUntil(
        'its mounts are gone',
        async () => (await readdir(join(second.root, 'mapped'))).length === 0,
      );
    });

    await step('one without a namespace sees the same image', async () => {
      const owners = await second.run(reference, 'stat', '-c', '%u:%g', '/etc/passwd', '/var/local');
      assert.equal(owners, '0:0\n0:50\n');
    });
  });
}

test('128 corrected layers have their ids mapped', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const layout = await bed.makeFolder('layout');
  await writeTallImage(layout, { name: 'tall:latest', layers: 128, base: await bed.image('busybox') });
  await using origin = await startOrigin([layout]);
  const node = await bed.node('node', await bed.bucket('directory'), '2.1');
  await chmod(bed.folder, 0o711);
  const reference = `${origin.address}/tall:latest`;
  await node.containerd.pull(reference, { snapshotter: 'lade' });
  const run = ['run', '--rm', ...MAPPING, '--snapshotter', 'lade', reference] as const;
  await node.ctr(...run, `user-${process.pid}-first`, '/bin/busybox', 'true');
  const started = performance.now();
  const tree = await node.ctr(...run, `user-${process.pid}-second`, ...PRINT_TALL);
  t.diagnostic(`a second container: ${Math.round(performance.now() - started)} ms`);
  assert.equal(tree, await node.run(reference, ...PRINT_TALL));
});

async function allocated({ root }: LadeNode): Promise<number> {
  return [...(await sizesOfLayers(root)).values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** What LOOK wrote has the container's ids, as this machine counts them. */
async function assertWritten({ containerd }: LadeNode, id: string): Promise<void> {
  using client = ContainerdClient.open({ address: containerd.address });
  const [{ options } = { options: [] as string[] }] = await client.snapshots('lade').mounts(id);
  const upper = options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length) ?? '';
  assert.deepEqual((await readdir(upper)).sort(), ['etc', 'root', 'var']);
  const owners = ['', 'etc', 'root/new', 'var/local', 'var/local/deep'].map(async (path) => {
    const { uid, gid } = await lstat(join(upper, path));
    return [uid - HOST_ID, gid - HOST_ID];
  });
  assert.deepEqual(await Promise.all(owners), [
    [0, 0],
    [0, 0],
    [5, 6],
    [0, 50],
    [0, 50],
  ]);
}
