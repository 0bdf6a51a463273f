import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  execProcess,
  parseSignal,
  resolveUser,
  runtimeSpec,
  type RunSettings,
  type RuntimeSpec,
} from './index.ts';

const FILES = {
  passwd:
    'root:x:0:0:root:/root:/bin/sh\n# a remark\n\nann:x:1000:1001::/home/ann:/bin/sh\nbroken:x\nbad:x:a:b\n',
  group: 'root:x:0:\nwheel:x:10:root,ann\nann:x:1001:ann\nextra:x:2000:ann\n',
};
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function spec(settings: Partial<RunSettings>): RuntimeSpec {
  const user = resolveUser('', FILES);
  return runtimeSpec({ cgroupsPath: '/default/c', image: { Entrypoint: ['/e'] }, user, ...settings });
}

test('resolveUser() finds users and groups by name and by number, and the groups that list them', () => {
  const cases: Record<string, [uid: number, gid: number, additional: number[]]> = {
    '': [0, 0, [0, 10]],
    root: [0, 0, [0, 10]],
    ann: [1000, 1001, [1001, 10, 2000]],
    '1000': [1000, 1001, [1001, 10, 2000]],
    '77': [77, 0, [0]],
    '7:8': [7, 8, [8]],
    'ann:wheel': [1000, 10, [10]],
    'ann:': [1000, 1001, [1001, 10, 2000]],
  };
  for (const [text, [uid, gid, additionalGids]] of Object.entries(cases))
    assert.deepEqual(resolveUser(text, FILES), { uid, gid, additionalGids }, text);
  assert.deepEqual(resolveUser('', { passwd: '', group: '' }), { uid: 0, gid: 0, additionalGids: [0] });
  for (const text of [
    'bob',
    'broken',
    'bad',
    '-1',
    '4294967295',
    '99999999999',
    '1.5',
    'ann:nobody',
    ':wheel',
  ])
    assert.throws(() => resolveUser(text, FILES), { code: 'invalid_argument' }, text);
});

test('what is run is what docker would run', () => {
  const image = { Entrypoint: ['/e', '1'], Cmd: ['c', '2'] };
  const run = (settings: Partial<RunSettings>): readonly string[] =>
    spec({ image, ...settings }).process.args;
  assert.deepEqual(run({}), ['/e', '1', 'c', '2']);
  assert.deepEqual(run({ args: ['a'] }), ['/e', '1', 'a']);
  assert.deepEqual(run({ args: [] }), ['/e', '1']);
  assert.deepEqual(run({ entrypoint: ['/x'] }), ['/x']);
  assert.deepEqual(run({ entrypoint: ['/x'], args: ['a'] }), ['/x', 'a']);
  assert.deepEqual(run({ entrypoint: [], args: ['a'] }), ['a']);
  assert.deepEqual(run({ image: { Cmd: ['sh'] } }), ['sh']);
  assert.throws(() => run({ image: {} }), {
    code: 'invalid_argument',
    cure: 'Name a program behind the image',
  });
});

test('the environment has a PATH, TERM where there is a terminal, and the last of each name', () => {
  const image = { Entrypoint: ['/e'], Env: ['A=1', 'B=2'] };
  assert.deepEqual(spec({ image }).process.env, [PATH, 'A=1', 'B=2']);
  assert.deepEqual(spec({ image, env: ['A=x=y', 'C='] }).process.env, [PATH, 'A=x=y', 'B=2', 'C=']);
  assert.deepEqual(spec({ image, env: ['PATH=/p'] }).process.env, ['A=1', 'B=2', 'PATH=/p']);
  assert.deepEqual(spec({ image: { ...image, Env: [] }, terminal: true }).process.env, [PATH, 'TERM=xterm']);
  assert.deepEqual(spec({ terminal: true, env: ['TERM=dumb'] }).process.env, [PATH, 'TERM=dumb']);
});

test('settings change what they say, and nothing else', () => {
  const plain = spec({});
  assert.deepEqual(spec({ readOnly: true }), { ...plain, root: { path: 'rootfs', readonly: true } });
  assert.equal(spec({ image: { Cmd: ['c'], WorkingDir: '/w' } }).process.cwd, '/w');
  assert.equal(spec({ image: { Cmd: ['c'], WorkingDir: '/w' }, workdir: '/v' }).process.cwd, '/v');
  const host = spec({ hostNetwork: true });
  const binds = host.mounts.slice(plain.mounts.length).map(({ destination }) => destination);
  assert.deepEqual(binds, ['/etc/hosts', '/etc/resolv.conf']);
  const namespaces = [{ type: 'pid' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }];
  assert.deepEqual(host.linux['namespaces'], namespaces);
  assert.deepEqual(spec({ hostname: 'box' }), { ...plain, hostname: 'box' });
  const mounts = [
    { source: '/a', destination: '/b' },
    { source: '/c', destination: '/d', readOnly: true },
  ];
  assert.deepEqual(spec({ mounts }).mounts.slice(plain.mounts.length), [
    { destination: '/b', type: 'bind', source: '/a', options: ['rbind', 'rprivate', 'rw'] },
    { destination: '/d', type: 'bind', source: '/c', options: ['rbind', 'rprivate', 'ro'] },
  ]);
});

test('a further process has what the first one has, but for what it says itself', () => {
  const size = { width: 80, height: 24 };
  const first = spec({ env: ['A=1'], workdir: '/w', terminal: true, consoleSize: size }).process;
  const { terminal: _, consoleSize: __, ...inherited } = first;
  assert.deepEqual(execProcess(first, { args: ['x'] }), { ...inherited, args: ['x'] });
  const user = resolveUser('ann', FILES);
  const other = execProcess(first, {
    args: ['x'],
    user,
    env: ['A=2'],
    workdir: '/v',
    terminal: true,
    consoleSize: size,
  });
  assert.deepEqual([other.user, other.cwd, other.terminal, other.consoleSize], [user, '/v', true, size]);
  assert.deepEqual(other.env, ['TERM=xterm', PATH, 'A=2']);
});

test('parseSignal() reads names and numbers', () => {
  const cases = { SIGTERM: 15, term: 15, '9': 9, SIGRTMIN: 34, 'SIGRTMIN+3': 37, 'RTMAX-1': 63, sigquit: 3 };
  for (const [text, number] of Object.entries(cases)) assert.equal(parseSignal(text), number, text);
  for (const text of ['', 'SIGNONE', '0', '65', '-1', 'SIGRTMAX+1', 'constructor'])
    assert.throws(() => parseSignal(text), { code: 'invalid_argument' }, text);
});
