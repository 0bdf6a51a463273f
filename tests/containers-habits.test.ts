import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSite } from './container-site.ts';
import { Testbed, inSteps, needsRoot, waitUntil } from './testbed.ts';

/*
 * What docker run and docker exec do, by lade run and lade exec, with a real containerd.
 */

test('the command line runs containers as docker does', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  await using site = await openSite(bed, '2.1');
  const { node, client, reference: image } = site;
  const step = inSteps(t);
  const shared = join(bed.folder, 'shared');
  await mkdir(shared);
  await writeFile(join(shared, 'file'), 'of the node\n');

  await step('folders of the node are shown, for reading and writing or for reading alone', async () => {
    const script = 'cat /data/file; echo made > /data/new; echo no > /locked/new; ls /locked';
    const mounts = ['-v', `${shared}:/data`, '-v', `${shared}:/locked:ro`];
    const ran = await node.lade('run', '--rm', ...mounts, image, 'sh', '-c', script);
    assert.deepEqual([ran.code, ran.stdout], [0, 'of the node\nfile\nnew\n']);
    assert.match(ran.stderr, /\/locked\/new: Read-only file system/);
    assert.equal(await readFile(join(shared, 'new'), 'utf8'), 'made\n');
    const missing = await node.lade('run', '--rm', '-v', '/not/there:/data', image);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /Cannot mount \/not\/there at \/data: it is not there\n {2}→ Make it first/);
  });

  await step(
    'a container takes itself for what it is told, beside the network of the node, too',
    async () => {
      const hostname = async (...options: string[]): Promise<string> =>
        node.ladeOrThrow('run', '--rm', ...options, image, 'hostname');
      assert.equal(await hostname('--hostname', 'box'), 'box\n');
      assert.equal(await hostname('-h', 'box.example', '--net', 'host'), 'box.example\n');
    },
  );

  await step('a program that is not there gives 127, and one that cannot be executed 126', async () => {
    const codes = { none: 127, '/none': 127, '/etc/passwd': 126, '/etc': 126 };
    for (const [program, code] of Object.entries(codes)) {
      const { code: ended, stderr } = await node.lade('run', '--rm', '--entrypoint', program, image);
      assert.equal(ended, code, `${program}: ${stderr}`);
    }
    const id = (await node.ladeOrThrow('run', '-d', image, 'sleep', '1000')).trim();
    for (const [program, code] of Object.entries(codes)) {
      const { code: ended, stderr } = await node.lade('exec', id, program);
      assert.equal(ended, code, `exec ${program}: ${stderr}`);
    }
    await node.ladeOrThrow('rm', '-f', id);
  });

  await step('-dit leaves a shell at a terminal where others can join it', async () => {
    const id = (await node.ladeOrThrow('run', '-dit', image, 'sh')).trim();
    const state = async (): Promise<string | undefined> => (await client.containers.get(id)).state;
    await waitUntil('its client has left', async () => (await state()) === 'running');
    assert.equal(
      await node.ladeOrThrow('exec', id, 'busybox', 'sh', '-c', 'test -t 0 < /proc/1/fd/0 && echo yes'),
      'yes\n',
    );
    assert.equal(await node.ladeOrThrow('ps', '-q', '--filter', 'status=running'), `${id}\n`);
    const ended = await node.lade('stop', '-t', '0', 'none', id);
    assert.deepEqual([ended.code, ended.stdout], [1, `${id}\n`]);
    await node.ladeOrThrow('rm', id);
    assert.deepEqual(await client.containers.list(), []);
  });

  await step('an image that is not there cannot be removed, and its short name is enough', async () => {
    const { code, stderr } = await node.lade('rmi', 'nope');
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^lade: Cannot remove image nope: containerd does not have it in namespace default\n {2}→ /,
    );
  });
});
