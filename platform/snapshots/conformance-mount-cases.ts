import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConformanceCase, ConformanceSubject } from './conformance-subject.ts';
import { PRINT_TREE, runIn, runMounted } from './testing/private-mounts.ts';

/** The cases of containerd's suite that mount what they get, by their names there. They need root. */
export const MOUNT_CASES: Readonly<Record<string, ConformanceCase>> = {
  Basic: async (snapshotter, work) => {
    const names = await assertLayers(snapshotter, work, [
      'printf "foo\\n" > foo; chmod 0777 foo; mkdir -m 0755 a a/b a/b/c',
      'printf "bar\\n" > bar; printf "bar\\n" > foo; rm -r a/b',
    ]);
    const [base = '', top = ''] = names;
    assert.equal((await snapshotter.stat(top)).parent, base);
    const walked = [];
    for await (const info of snapshotter.walk()) walked.push(info);
    assert.deepEqual(walked, [await snapshotter.stat(base), await snapshotter.stat(top)]);
    await assert.rejects(async () => snapshotter.remove(base), /remove/);
    await snapshotter.remove(top);
    await snapshotter.remove(base);
  },

  LayerFileUpdate: async (snapshotter, work) => {
    for (let round = 0; round < 5; round++) {
      const directory = join(work, String(round));
      await mkdir(directory);
      await assertLayers(snapshotter, directory, [
        'mkdir -m 0700 etc; printf "mydomain 10.0.0.1" > etc/hosts; printf PATH=/usr/bin > etc/profile',
        `printf "mydomain 10.0.0.2" > etc/hosts; printf PATH=/usr/bin > etc/profile; chmod 0666 etc/profile
         mkdir -m 0700 root; printf PATH=/usr/sbin:/usr/bin > root/.bashrc`,
      ]);
    }
  },

  RemoveDirectoryInLowerLayer: async (snapshotter, work) => {
    await assertLayers(snapshotter, work, [
      'mkdir -m 0700 lib; : > lib/hidden',
      'rm -r lib; mkdir -m 0700 lib; : > lib/not-hidden',
      ': > lib/newfile',
    ]);
  },

  Chown: async (snapshotter, work) => {
    await assertLayers(snapshotter, work, [
      'mkdir -m 0700 opt opt/a opt/a/b; printf hello > opt/a/b/file.txt',
      'chown 1:1 opt opt/a opt/a/b opt/a/b/file.txt',
    ]);
  },

  DirectoryPermissionOnCommit: async (snapshotter, work) => {
    await assertLayers(snapshotter, work, [
      `mkdir -m 0700 dir1 dir2 dir3 dir4 dir5; printf ... > dir4/f1; printf ... > dir5/f1
       chown 1:1 dir1 dir2 dir3 dir5 dir5/f1`,
      'chown 0:0 dir2; rm -r dir3; chown 1:1 dir4 dir4/f1',
      'mkdir -m 0700 dir3; chown 1:1 dir3; rm -r dir5; mkdir -m 0700 dir5; chown 1:1 dir5',
    ]);
  },

  DeletedFilesInChildSnapshot: async (snapshotter, work) => {
    await assertLayers(snapshotter, work, ['printf foo > foo; printf foobar > foobar', 'rm foobar', ':']);
  },

  MoveFileFromLowerLayer: async (snapshotter, work) => {
    await assertLayers(snapshotter, work, [
      'mkdir -m 0700 dir1 dir2; printf Hello > dir1/f1; printf ... > dir2/f2',
      'mkdir -m 0700 dir3; printf Hello > dir3/f1; rm -r dir1; ln dir2/f2 dir3/f2; rm dir2/f2',
    ]);
  },

  ViewReadonly: async (snapshotter, work) => {
    const names = await assertLayers(snapshotter, work, [': > a', ': > b']);
    for (const [index, parent] of ['', ...names].entries()) {
      const mounts = await snapshotter.view(`view-${index}`, parent);
      await assert.rejects(runMounted(mounts, ': > testfile', work), /[Rr]ead-only/);
    }
  },

  RootPermission: async (snapshotter, work) => {
    const mounts = await snapshotter.prepare('preparing', '');
    assert.equal(await runMounted(mounts, 'stat -c %a .', work), '755\n');
  },

  Rename: async (snapshotter, work) => {
    await assertLayers(snapshotter, work, [
      'mkdir -m 0700 dir1 somefiles; printf first > somefiles/f1; printf nothing > somefiles/f2',
      'printf new > somefiles/f1-new; mv somefiles/f1-new somefiles/f1; mv somefiles/f2 somefiles/f3',
    ]);
  },

  /** Not of the suite: snapshots that were filled side by side show what they would show one on top of the other. */
  RebaseMounts: async (snapshotter, work) => {
    const flat = join(work, 'flat');
    await mkdir(flat);
    const scripts = [
      'mkdir -m 0755 a a/b; printf low > a/low; printf low > both',
      'mkdir -m 0700 a; printf high > both; printf high > a/high; chown 1:2 a',
      'printf top > top; ln -s both link',
    ];
    const prepared = await Promise.all(
      scripts.map(async (script, i) => ({ script, mounts: await snapshotter.prepare(`active-${i}`, '') })),
    );
    for (const { script, mounts } of prepared.toReversed()) await runMounted(mounts, script, work);
    for (const [i, { script }] of prepared.entries()) {
      await snapshotter.commit(`layer-${i}`, `active-${i}`, { parent: i === 0 ? '' : `layer-${i - 1}` });
      await runIn(flat, script.replace('mkdir -m 0700 a', 'chmod 0700 a'));
      const view = await snapshotter.view(`view-${i}`, `layer-${i}`);
      const active = await snapshotter.prepare(`on-${i}`, `layer-${i}`);
      const expected = await runIn(flat, PRINT_TREE);
      assert.equal(await runMounted(view, PRINT_TREE, work), expected, `a view of layer ${i}`);
      assert.equal(await runMounted(active, PRINT_TREE, work), expected, `on layer ${i}`);
    }
  },

  '128LayersMount': async (snapshotter, work) => {
    const layers = Array.from({ length: 127 }, (_, index) => {
      const i = index + 1;
      return `printf '${i} WAS HERE!\\n' > overwriteme; printf 'same\\n' > addhere/file-${i}
        rm -r onlyme; mkdir -m 0755 onlyme; printf 'only me!\\n' > onlyme/file-${i}`;
    });
    const lowest = `printf 'bottom\\n' > bottom; printf 'FIRST!\\n' > overwriteme; mkdir -m 0755 addhere onlyme
      printf 'bye!\\n' > onlyme/bottom`;
    await assertLayers(snapshotter, work, [lowest, ...layers], { onlyLastView: true });
  },
};

/**
 * Makes one committed snapshot from each shell script, on top of the one before, and compares each, mounted writable
 * and as a view, with a plain directory to which the same scripts were applied. Returns the names.
 */
async function assertLayers(
  snapshotter: ConformanceSubject,
  work: string,
  scripts: readonly string[],
  options: { readonly onlyLastView?: boolean } = {},
): Promise<string[]> {
  const flat = join(work, 'flat');
  await mkdir(flat);
  const names: string[] = [];
  for (const [index, script] of scripts.entries()) {
    const name = join(work, `layer-${index}`);
    const parent = names.at(-1) ?? '';
    const mounts = await snapshotter.prepare(`${name}-active`, parent);
    const change = `${PRINT_TREE}\n${script}\n${PRINT_TREE}`;
    assert.equal(
      await runMounted(mounts, change, work),
      await runIn(flat, change),
      `${name} while it is written`,
    );
    await snapshotter.commit(name, `${name}-active`);
    names.push(name);
    if (options.onlyLastView && names.length < scripts.length) continue;
    const view = await snapshotter.view(`${name}-view`, name);
    assert.equal(
      await runMounted(view, PRINT_TREE, work),
      await runIn(flat, PRINT_TREE),
      `a view of ${name}`,
    );
    await snapshotter.remove(`${name}-view`);
  }
  return names;
}
