import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ContainerSummary, RunRequest } from '@lade/control-protocol';
import type { ContainerWork } from '@lade/control-service';
import { CodedError } from '@lade/errors';
import { parseFilters } from './filters.ts';
import { formatAge, formatLocalTime } from './format-time.ts';
import { matchesReference } from './matches-reference.ts';
import { nearest } from './nearest.ts';
import { namespaceIn } from './open-client.ts';
import { IMAGE, NAME, PUBLISHED_AT } from './testing/sample-node.ts';
import { run, serveTo, type Run } from './testing/serve-to.ts';

/*
 * What people type who come from docker and ctr.
 */

const SUMMARY = {
  namespace: 'default',
  image: NAME,
  snapshotter: 'lade',
  createdAt: PUBLISHED_AT,
} as const;
const CONTAINERS: readonly ContainerSummary[] = [
  { ...SUMMARY, id: 'web-1', state: 'running' },
  { ...SUMMARY, id: 'web-2', state: 'stopped', image: 'quay.io/app:1' },
  { ...SUMMARY, id: 'job', state: 'running' },
];

/** A daemon that notes what it is asked for; nothing is called "none", and there is no program "none". */
async function noting(t: TestContext): Promise<{ readonly lade: Run; readonly asked: object[] }> {
  const asked: object[] = [];
  const note = async (id: string, { namespace, ...options }: { namespace: string }): Promise<void> => {
    if (id === 'none') throw new CodedError('not_found', 'Cannot find container none', { cure: 'Look' });
    asked.push({ id, namespace, ...('force' in options ? { force: options.force } : {}) });
  };
  const containers: Partial<ContainerWork> = {
    list: async () => CONTAINERS,
    stop: note,
    remove: note,
    async *run(request: RunRequest, { namespace }) {
      asked.push({ ...request, namespace });
      yield { kind: 'created', id: 'made' };
      if (request.args?.[0] === 'none')
        throw new CodedError('failed_precondition', 'Cannot start it', { details: { exitStatus: 127 } });
      yield { kind: 'started', id: 'made', pid: 7, ms: 12 };
    },
  };
  const platform = { containers: containers as ContainerWork, images: async () => [IMAGE] };
  return { lade: await serveTo(t, platform), asked };
}

test('words that are misspelt are guessed, and options that there are not have another way', async () => {
  assert.equal(nearest('imgaes', ['images', 'pull']), 'images');
  assert.equal(nearest('rum', ['run', 'rm']), 'run');
  assert.equal(nearest('something', ['images', 'pull']), undefined);
  assert.match((await run(['imgaes'])).stderr, /Did you mean lade images\?/);
  assert.match((await run(['images', '--quite'])).stderr, /did you mean --quiet\?/);
  assert.match((await run(['run', '-p', '80:80', 'i'])).stderr, /no option -p\n {2}→ .*--network host/);
});

test('several names are gone through to the end, and how each went is told as JSON as well', async (t) => {
  const { lade, asked } = await noting(t);
  const removed = await lade('rm', 'a', 'none', 'b', '-f');
  assert.deepEqual([removed.code, removed.stdout], [1, 'a\nb\n']);
  assert.equal(removed.stderr, 'lade: Cannot find container none\n  → Look\n');
  assert.deepEqual(
    asked.map((call) => ({ ...call })),
    ['a', 'b'].map((id) => ({ id, namespace: 'default', force: true })),
  );
  const stopped = await lade('stop', '--json', 'a', 'none');
  assert.deepEqual(
    [stopped.code, JSON.parse(stopped.stdout)],
    [
      1,
      [
        { name: 'a', done: true },
        {
          name: 'none',
          done: false,
          error: { code: 'not_found', message: 'Cannot find container none', cure: 'Look' },
        },
      ],
    ],
  );
});

test('-n names the namespace, also before the command', async (t) => {
  const { lade, asked } = await noting(t);
  await lade('stop', '-n', 'k8s.io', 'a');
  await lade('-n', 'k8s.io', 'stop', 'a');
  await lade('stop', 'a');
  const namespaces = asked.map((call) => (call as { namespace: string }).namespace);
  assert.deepEqual(namespaces, ['k8s.io', 'k8s.io', 'default']);
});

test('without -n, CONTAINERD_NAMESPACE names it', (t) => {
  const before = process.env['CONTAINERD_NAMESPACE'];
  t.after(() => {
    if (before === undefined) delete process.env['CONTAINERD_NAMESPACE'];
    else process.env['CONTAINERD_NAMESPACE'] = before;
  });
  process.env['CONTAINERD_NAMESPACE'] = 'k8s.io';
  assert.deepEqual(namespaceIn({}), { namespace: 'k8s.io' });
  assert.deepEqual(namespaceIn({ namespace: 'mine' }), { namespace: 'mine' });
  process.env['CONTAINERD_NAMESPACE'] = '';
  assert.deepEqual(namespaceIn({}), {});
});

test('completion offers what commands take', async () => {
  for (const shell of ['bash', 'zsh']) {
    const { stdout } = await run(['completion', shell]);
    assert.match(stdout, /images\)[^\n]*-q --quiet /);
    assert.match(stdout, /serve\)[^\n]*--bucket /);
  }
  assert.match(
    (await run(['completion', 'fish'])).stdout,
    /from images' -l quiet -s q -d 'only their names'/,
  );
});

test('lade run takes what docker run takes', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lade-cli-'));
  t.after(async () => rm(folder, { recursive: true }));
  const file = join(folder, 'env');
  await writeFile(file, '# a comment\nA=file\n  B=x y\nLADE_ADDRESS_NOT_SET\n');
  const { lade, asked } = await noting(t);
  const options = ['-v', '/srv:/data:ro', '-v', '/a:/b', '--net', 'host', '-h', 'box'];
  const ran = await lade('run', '-dit', '--json', ...options, '--env-file', file, '-e', 'A=b', NAME, 'sh');
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(JSON.parse(ran.stdout), { id: 'made', pid: 7, ms: 12 });
  assert.deepEqual(asked, [
    {
      image: NAME,
      args: ['sh'],
      env: ['A=file', 'B=x y', 'A=b'],
      mounts: [
        { source: '/srv', destination: '/data', readOnly: true },
        { source: '/a', destination: '/b' },
      ],
      hostname: 'box',
      hostNetwork: true,
      readOnly: false,
      remove: false,
      input: false,
      detach: false,
      terminal: true,
      namespace: 'default',
    },
  ]);
  assert.equal((await lade('run', '-d', NAME, 'none')).code, 127);
  assert.match((await lade('run', '--env-file', '/none', NAME)).stderr, /Cannot read variables from \/none/);
});

test('lists show names alone, or those that suit filters', async (t) => {
  const { lade } = await noting(t);
  const names = async (...args: string[]): Promise<string> => (await lade('ps', '-q', ...args)).stdout;
  assert.equal(await names('-a', '--filter', 'name=web'), 'web-1\nweb-2\n');
  assert.equal(await names('--filter', 'status=exited'), 'web-2\n');
  assert.equal(await names('-f', 'status=running', '-f', 'name=job', '-f', 'name=web'), 'web-1\njob\n');
  assert.equal((await lade('images', '-q', '--filter', 'reference=python:3.*')).stdout, `${NAME}\n`);
  assert.equal((await lade('images', '-q', '--filter', 'reference=busybox')).stdout, '');
  for (const pattern of ['python', 'python:3.12', 'docker.io/library/*', 'docker.io/*/python:3.?'])
    assert.equal(matchesReference(NAME, pattern), pattern !== 'docker.io/*/python:3.?', pattern);
  assert.throws(() => parseFilters(['status'], { status: () => true }), { code: 'invalid_argument' });
});

test('times are told as their age, or as the time of this place', () => {
  const now = Date.parse('2026-11-27T12:00:00Z');
  const ages = { '2026-11-27T11:59:59Z': '1 second ago', '2026-11-27T11:57:00Z': '3 minutes ago' };
  for (const [time, age] of Object.entries(ages)) assert.equal(formatAge(time, now), age);
  assert.equal(formatAge('2026-09-20T12:00:00Z', now), '2 months ago');
  assert.equal(formatAge('2026-11-27T12:00:09Z', now), 'just now');
  assert.equal(formatAge(undefined, now), '');
  const local = formatLocalTime('2026-11-27T12:00:00.123Z');
  assert.match(local, /^2026-11-2\dT\d\d:\d\d:\d\d\.123[+-]\d\d:\d\d$/);
  assert.equal(Date.parse(local), now + 123);
});
