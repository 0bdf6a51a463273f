import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isCodedError } from '@lade/errors';
import { makeNode, setTimes, setXattr } from '@lade/linux';
import { compareTrees } from '@lade/sandbox';
import { readChanges } from './read-changes.ts';
import { ACL, CAPABILITY, makeAwkwardTree } from './testing/awkward-tree.ts';
import { XATTRS, entriesOf, tarOf } from './testing/read-tar.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot && process.env['CI']) throw new Error('these tests need root');
const needsRoot = { skip: isRoot ? false : 'NOT TESTED: devices and owners need root' };

async function openFolder(t: TestContext): Promise<string> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'lade-changes-'));
  t.after(() => {
    rmSync(folder.path, { recursive: true, force: true });
  });
  return folder.path;
}

const paths = async (directory: string): Promise<string[]> =>
  (await entriesOf({ directory })).map(({ path }) => path);

test(
  'readChanges() gives trees of every awkward kind as GNU tar unpacks them, each time the same bytes',
  needsRoot,
  async (t) => {
    for (const seed of [1, 2, 3, 4]) {
      const [tree, unpacked] = [join(await openFolder(t), 'tree'), await openFolder(t)];
      mkdirSync(tree);
      makeAwkwardTree(Buffer.from(tree), seed);
      const tar = await tarOf({ directory: tree });
      assert.ok(tar.equals(await tarOf({ directory: tree }, { areHere: true })));
      const args = [
        '-x',
        '-p',
        '--same-owner',
        '--numeric-owner',
        '--xattrs',
        '--xattrs-include=*',
        '--warning=no-timestamp',
      ];
      const run = spawnSync('tar', [...args, '-C', unpacked, '-f', '-'], { input: tar, encoding: 'utf8' });
      assert.deepEqual([run.stderr, run.status], ['', 0]);
      const ofRoot = /^\.: /;
      assert.deepEqual(
        (await compareTrees(tree, unpacked)).filter((line) => !ofRoot.test(line)),
        [],
      );
    }
  },
);

test('readChanges() gives whiteouts and opaque directories as layers have them', needsRoot, async (t) => {
  const directory = await openFolder(t);
  makeNode(join(directory, 'gone'), { type: 'character', mode: 0 });
  for (const name of ['opaque', 'plain']) mkdirSync(join(directory, name), { mode: 0o700 });
  setXattr(join(directory, 'opaque'), 'trusted.overlay.opaque', Buffer.from('y'));
  setXattr(join(directory, 'plain'), 'trusted.overlay.impure', Buffer.from('y'));
  // Overlayfs links whiteouts to each other, and such names sort before the marker.
  linkSync(join(directory, 'gone'), join(directory, 'opaque/!gone'));
  writeFileSync(join(directory, 'opaque/kept'), 'x');
  setXattr(join(directory, 'opaque/kept'), 'trusted.overlay.origin', Buffer.from('x'));
  setXattr(join(directory, 'opaque/kept'), 'trusted.overlay.overlay.opaque', Buffer.from('y'));
  const entries = await entriesOf({ directory });
  assert.deepEqual(
    entries.map(({ path, kind, mode }) => `${path} ${kind} ${mode.toString(8)}`),
    [
      '.wh.gone file 0',
      'opaque/ directory 700',
      'opaque/.wh..wh..opq file 0',
      'opaque/.wh.!gone file 0',
      'opaque/kept file 644',
      'plain/ directory 700',
    ],
  );
  for (const { xattrs, uid, modified, path } of entries) {
    assert.equal(xattrs.size, 0);
    if (path.includes('.wh.')) assert.deepEqual([uid, modified], [0, { seconds: 0, nanoseconds: 0 }]);
  }
});

test('readChanges() leaves sockets out, and what a policy of the machine has added', needsRoot, async (t) => {
  const directory = await openFolder(t);
  await using server = createServer().listen(join(directory, 'socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  writeFileSync(join(directory, 'file'), '');
  const names = [
    'security.selinux',
    'security.capability',
    'user.one',
    'trusted.one',
    'system.posix_acl_access',
  ];
  const values = { 'security.capability': CAPABILITY, 'system.posix_acl_access': ACL };
  for (const name of names)
    setXattr(
      join(directory, 'file'),
      name,
      Object.entries(values).find(([key]) => key === name)?.[1] ?? Buffer.from('x'),
    );
  const [file, ...others] = await entriesOf({ directory });
  assert.deepEqual(others, []);
  assert.deepEqual([...(file?.xattrs.keys() ?? [])].sort(), names.slice(1).sort());
});

test('readChanges() gives times in whole seconds, none after a given one', async (t) => {
  const directory = await openFolder(t);
  const times = { early: -1_500_000_000n, middle: 5_900_000_000n, late: 9_000_000_001n };
  for (const [name, modifiedNs] of Object.entries(times)) {
    writeFileSync(join(directory, name), '');
    setTimes(join(directory, name), { accessedNs: 0n, modifiedNs });
  }
  const seconds = async (modifiedUntilNs?: bigint): Promise<number[]> =>
    (await entriesOf({ directory }, { modifiedUntilNs })).map(({ modified }) => {
      assert.equal(modified.nanoseconds, 0);
      return modified.seconds;
    });
  assert.deepEqual(await seconds(), [-2, 9, 5]);
  assert.deepEqual(await seconds(8_999_999_999n), [-2, 8, 5]);
  assert.deepEqual(await seconds(0n), [-2, 0, 0]);
});

test('readChanges() links all names of an inode to the first', async (t) => {
  const directory = await openFolder(t);
  mkdirSync(join(directory, 'b'));
  writeFileSync(join(directory, 'b/file'), 'content');
  symlinkSync('nowhere', join(directory, 'c-link'));
  for (const name of ['a', 'b/also', 'z']) linkSync(join(directory, 'b/file'), join(directory, name));
  linkSync(join(directory, 'c-link'), join(directory, 'd-link'));
  setXattr(join(directory, 'z'), 'user.shared', Buffer.from('x'));
  const entries = await entriesOf({ directory });
  assert.deepEqual(
    entries.map(({ path, kind, linkPath, content, xattrs }) => [path, kind, linkPath, content, xattrs.size]),
    [
      ['a', 'file', '', 'content', 1],
      ['b/', 'directory', '', '', 0],
      ['b/also', 'hard-link', 'a', '', 1],
      ['b/file', 'hard-link', 'a', '', 1],
      ['c-link', 'symlink', 'nowhere', '', 0],
      ['d-link', 'hard-link', 'c-link', '', 0],
      ['z', 'hard-link', 'a', '', 1],
    ],
  );
});

test(
  'readChanges() takes attributes of directories from the correction, and nothing else',
  needsRoot,
  async (t) => {
    const [directory, correction] = [await openFolder(t), await openFolder(t)];
    for (const root of [directory, correction]) mkdirSync(join(root, 'a/b'), { recursive: true });
    mkdirSync(join(directory, 'a/c'));
    mkdirSync(join(correction, 'only-here'));
    writeFileSync(join(correction, 'a/not-here'), '');
    chmodSync(join(correction, 'a'), 0o700);
    chmodSync(join(correction, 'a/b'), 0o1777);
    setXattr(join(correction, 'a/b'), 'user.below', Buffer.from('x'));
    setXattr(join(directory, 'a/b'), 'user.above', Buffer.from('x'));
    setXattr(join(directory, 'a/b'), 'trusted.overlay.opaque', Buffer.from('y'));
    const entries = await entriesOf({ directory, correction });
    assert.deepEqual(
      entries.map(({ path, mode, xattrs }) => [path, mode.toString(8), [...xattrs.keys()].join()]),
      [
        ['a/', '700', ''],
        ['a/b/', '1777', 'user.below'],
        ['a/b/.wh..wh..opq', '0', ''],
        ['a/c/', '755', ''],
      ],
    );
  },
);

test('readChanges() reaches what no path can name', async (t) => {
  const directory = await openFolder(t);
  const name = 'd'.repeat(200);
  // Each step is one that the kernel can take: a folder is filled before it is moved below the next.
  writeFileSync(join(directory, 'leaf'), 'deep');
  let inner = 'leaf';
  for (let depth = 0; depth < 30; depth++) {
    mkdirSync(join(directory, 'next'));
    renameSync(join(directory, inner), join(directory, 'next', inner === 'leaf' ? 'leaf' : name));
    renameSync(join(directory, 'next'), join(directory, 'inner'));
    inner = 'inner';
  }
  const last = (await entriesOf({ directory })).at(-1);
  assert.ok((last?.path.length ?? 0) > 5000);
  assert.equal(last?.content, 'deep');
});

test('readChanges() says that only a mount can tell what overlayfs keeps elsewhere', needsRoot, async (t) => {
  const redirect = ['trusted.overlay.redirect', '/elsewhere'] as const;
  for (const [name, value] of [
    redirect,
    ['trusted.overlay.metacopy', ''],
    ['trusted.overlay.opaque', 'x'],
  ] as const) {
    const directory = await openFolder(t);
    mkdirSync(join(directory, 'entry'));
    setXattr(join(directory, 'entry'), name, Buffer.from(value));
    await assert.rejects(tarOf({ directory }), (e) => isCodedError(e, 'unimplemented'), name);
  }
});

test('readChanges() refuses a name that means something else in a layer', async (t) => {
  const directory = await openFolder(t);
  mkdirSync(join(directory, 'a'));
  writeFileSync(join(directory, 'a/.wh.b'), '');
  await assert.rejects(
    tarOf({ directory }),
    (e) =>
      isCodedError(e, 'failed_precondition') && e.message.startsWith('Cannot put "a/.wh.b" into a layer'),
  );
});

test('readChanges() throws for a directory that is not there', async () => {
  await assert.rejects(tarOf({ directory: '/nonexistent' }), /ENOENT/);
});

test('a file that becomes shorter while it is read is an error, one that grows or goes is not', async (t) => {
  const directory = await openFolder(t);
  const file = join(directory, 'file');
  writeFileSync(file, Buffer.alloc(100_000, 1));
  const read = async (meanwhile: () => void): Promise<number> => {
    const members = readChanges({ directory }, { xattrs: XATTRS });
    const { value } = await members.next();
    assert.ok(value?.content);
    meanwhile();
    let bytes = 0;
    try {
      while (bytes < 100_000) bytes += await value.content(Buffer.alloc(Math.min(60_000, 100_000 - bytes)));
    } finally {
      await members.return(undefined);
    }
    return bytes;
  };
  assert.equal(await read(() => writeFileSync(file, 'more', { flag: 'a' })), 100_000);
  await assert.rejects(
    read(() => truncateSync(file, 70_000)),
    (e) =>
      isCodedError(e, 'aborted') && e.message === 'Cannot read "file": it ended after 70000 bytes meanwhile',
  );
  truncateSync(file, 100_000);
  assert.equal(await read(() => rmSync(file)), 100_000);
  assert.deepEqual(await paths(directory), []);
});

test('what is moved away while it is read does not lead out of the tree', async (t) => {
  const [directory, outside] = [await openFolder(t), await openFolder(t)];
  mkdirSync(join(directory, 'a'));
  for (const name of ['1', '2', '3']) {
    writeFileSync(join(directory, 'a', name), 'inside');
    writeFileSync(join(outside, name), 'outside');
  }
  const swap = (): void => {
    renameSync(join(directory, 'a'), join(directory, 'z'));
    symlinkSync(outside, join(directory, 'a'));
    rmSync(join(directory, 'z/2'));
    symlinkSync(join(outside, '2'), join(directory, 'z/2'));
  };
  let lists = 0;
  const xattrs = {
    ...XATTRS,
    list(...args: Parameters<typeof XATTRS.list>) {
      lists++;
      if (lists === 3) swap();
      return XATTRS.list(...args);
    },
  };
  const entries = await entriesOf({ directory }, { xattrs });
  assert.deepEqual(
    entries.map(({ path, kind, content }) => [path, kind, content]),
    [
      ['a/', 'directory', ''],
      ['a/1', 'file', 'inside'],
      ['a/2', 'symlink', ''],
      ['a/3', 'file', 'inside'],
    ],
  );
});

test('readChanges() closes what it opened, also when it is left early or aborted', async (t) => {
  const directory = await openFolder(t);
  mkdirSync(join(directory, 'a/b/c'), { recursive: true });
  writeFileSync(join(directory, 'a/b/c/file'), 'x');
  const open = (): number => readdirSync('/proc/self/fd').length;
  const before = open();
  for await (const { entry } of readChanges({ directory }, { xattrs: XATTRS }))
    if (entry.kind === 'file') break;
  assert.equal(open(), before);
  const stop = new AbortController();
  const members = readChanges({ directory }, { xattrs: XATTRS, signal: stop.signal });
  await members.next();
  stop.abort(new Error('stop'));
  await assert.rejects(members.next(), /stop/);
  assert.equal(open(), before);
});
