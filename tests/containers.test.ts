import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerSummary, ExecRequest, OutputEvent, RunRequest } from '@lade/control-protocol';
import { LADE } from '@lade/tour/lade-program';
import { endingOf, openSite, sessionOf, type ContainerSite } from './container-site.ts';
import { Testbed, inSteps, needsRoot, waitUntil } from './testbed.ts';

/*
 * Containers through the control API, with a real containerd. What it keeps of them is looked at with ctr.
 */

const ANN = 'exec\n/\nuid=1000(ann) gid=1001(ann) groups=10(wheel),1001(ann)\n';

const PREFIX = `lade-${process.pid}`;

async function find({ client }: ContainerSite, id: string): Promise<ContainerSummary | undefined> {
  return (await client.containers.list()).find((container) => container.id === id);
}

const TYPED = 'echo ready; read x; test -t 0 && test -t 1 && echo "is a terminal: $x"; exit 7';

/** What a terminal shows when `lade` runs in it, then its exit status, then whether the terminal is as it was before. */
async function inTerminal({ node }: ContainerSite, args: readonly string[], typed: string): Promise<string> {
  const lade = [...LADE, ...args].map((word) => `'${word}'`).join(' ');
  const script = `before=$(stty -g); ${lade}; echo $?; test "$before" = "$(stty -g)" && echo restored`;
  const child = spawn('script', ['-qec', script, '/dev/null'], {
    env: { ...process.env, LADE_ADDRESS: node.address, SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  for await (const bytes of child.stdout as AsyncIterable<Buffer>) {
    if (shown === '') child.stdin.write(typed);
    shown += bytes.toString();
  }
  return shown;
}

interface Spec {
  readonly ociVersion: string;
  readonly process: { readonly args: unknown; readonly env: readonly string[] };
  readonly linux: { readonly cgroupsPath: unknown };
}

async function specOf({ node }: ContainerSite, id: string): Promise<Spec> {
  return (JSON.parse(await node.ctr('container', 'info', id)) as { Spec: Spec }).Spec;
}

/** Without what differs for a reason. */
function comparable({ ociVersion: _version, process, linux, ...spec }: Spec): object {
  // ctr was asked for another program, and leaves the order of variables to chance where a terminal adds one.
  const { args: _args, env, ...rest } = process;
  // The group is named after the container.
  const { cgroupsPath: _path, ...linuxRest } = linux;
  return {
    ...spec,
    process: { ...rest, env: new Set(env) },
    linux: linuxRest,
  };
}

/** For ctr, and for us. It gives the variable HOSTNAME to containers with the node's network, which docker does not. */
const SPECS: readonly [name: string, flags: readonly string[], settings: Partial<RunRequest>][] = [
  ['plain', [], {}],
  ['named', ['--user', 'ann'], { user: 'ann' }],
  ['group', ['--user', 'ann:wheel'], { user: 'ann:wheel' }],
  ['number', ['--user', '77'], { user: '77' }],
  [
    'frozen',
    ['--read-only', '--cwd', '/bin', '--env', 'X=y'],
    { readOnly: true, workdir: '/bin', env: ['X=y'] },
  ],
  ['host', ['--net-host'], { hostNetwork: true, env: [`HOSTNAME=${hostname()}`] }],
];

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
      const written = async (): Promise<string> => (await endingOf(containers.logs(id))).stdout;
      await waitUntil('it has written', async () => (await written()).includes('two'));
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

    if (version === '1.6') return;

    await step('processes are added, with users, input, and a terminal that changes its size', async () => {
      const args = ['sleep', '1000'];
      await Array.fromAsync(containers.run({ image, id, args, env: ['MORE=run'], detach: true }));
      const exec = (request: ExecRequest): AsyncIterable<OutputEvent> => containers.exec(id, request);
      const sh = (script: string, more: Partial<ExecRequest> = {}): AsyncIterable<OutputEvent> =>
        exec({ args: ['busybox', 'sh', '-c', script], ...more });
      assert.deepEqual(await endingOf(sh('echo $FROM $MORE; pwd; id -u >&2; exit 9')), {
        stdout: 'image run\n/etc\n',
        stderr: '0\n',
        exitStatus: 9,
      });
      const ann = { user: 'ann', workdir: '/', env: ['FROM=exec'] };
      assert.equal((await endingOf(sh('echo $FROM; pwd; id', ann))).stdout, ANN);
      const { session, rest } = await sessionOf(sh('wc -c'));
      for (let i = 0; i < 8; i++) await containers.write(session, Buffer.alloc(60_000));
      await containers.write(session, new Uint8Array());
      assert.equal((await endingOf(rest)).stdout, '480000\n');
      await assert.rejects(containers.write(session, Buffer.from('x')), { code: 'not_found' });
      const terminal = await sessionOf(
        sh('stty size; read x; stty size; echo $TERM-$x', { terminal: true, columns: 99, rows: 33 }),
      );
      const events = terminal.rest[Symbol.asyncIterator]();
      const begun = await endingOf([(await events.next()).value as OutputEvent]);
      assert.equal(begun.stdout, '33 99\r\n');
      await containers.resize(terminal.session, { columns: 120, rows: 40 });
      await containers.write(terminal.session, Buffer.from('typed\n'));
      const { stdout } = await endingOf({ [Symbol.asyncIterator]: () => events });
      assert.equal(stdout, 'typed\r\n40 120\r\nxterm-typed\r\n');
    });

    await step(
      'a client that leaves ends its process, and what is left behind holds nothing up',
      async () => {
        const exec = (script: string): AsyncIterable<OutputEvent> =>
          containers.exec(id, { args: ['busybox', 'sh', '-c', script] });
        for await (const event of exec('echo here; exec sleep 4321')) if (event.kind === 'output') break;
        const count = async (): Promise<string> =>
          (await endingOf(exec('ps -o args | grep -c "^sleep 4321"'))).stdout;
        await waitUntil('it has ended', async () => (await count()) === '0\n');
        assert.equal((await endingOf(exec('sleep 1234 & echo left'))).stdout, 'left\n');
        await assert.rejects(endingOf(containers.exec(id, { args: ['/none'] })), /none/);
      },
    );

    await step('output that nobody reads is held back, and none of it is lost', async () => {
      const bytes = 3_000_000;
      const { session, rest } = await sessionOf(
        containers.exec(id, { args: ['busybox', 'head', '-c', String(bytes), '/dev/zero'] }),
      );
      assert.ok(session);
      await sleep(1_500);
      assert.equal((await endingOf(rest)).stdout.length, bytes);
    });

    await step('the runtime spec is the one of ctr, but for what is told here', async () => {
      if (version !== '2.1') return;
      for (const [name, flags, settings] of SPECS) {
        const reference = `${id}-${name}`;
        await site.node.ctr('container', 'create', '--snapshotter', 'lade', ...flags, image, reference);
        await endingOf(containers.run({ image, id: `${reference}-ours`, args: ['true'], ...settings }));
        const theirs = await specOf(site, reference);
        assert.deepEqual(comparable(await specOf(site, `${reference}-ours`)), comparable(theirs), name);
        await site.node.ctr('container', 'rm', reference);
        await containers.remove(`${reference}-ours`);
      }
    });

    await step(
      'the command line runs what it is told to, with its exit status, its input and its terminal',
      async () => {
        if (version !== '2.1') return;
        const ran = await site.node.lade(
          'run',
          '--rm',
          '-e',
          'A=b',
          image,
          'sh',
          '-c',
          'echo $A; echo err >&2; exit 4',
        );
        assert.deepEqual(ran, { stdout: 'b\n', stderr: 'err\n', code: 4 });
        const cli = `${id}-cli`;
        assert.equal(
          await site.node.ladeOrThrow('run', '-d', '--name', cli, image, 'sleep', '1000'),
          `${cli}\n`,
        );
        assert.match(await site.node.ladeOrThrow('ps', '-q'), new RegExp(`^${cli}$`, 'm'));
        const words = (
          await inTerminal(site, ['exec', '-it', cli, 'busybox', 'sh', '-c', TYPED], 'hi there\n')
        ).trim();
        assert.match(words, /^ready\r\nhi there\r\nis a terminal: hi there\r\n7\r\nrestored$/);
        assert.equal((await site.node.lade('exec', cli, 'busybox', 'sh', '-c', 'kill -9 $$')).code, 137);
        assert.match(
          (await site.node.lade('exec', 'none', 'x')).stderr,
          /Cannot find container none[^]*lade ps/,
        );
        assert.equal(await site.node.ladeOrThrow('stop', '-t', '0', cli), `${cli}\n`);
        assert.equal(await site.node.ladeOrThrow('rm', cli), `${cli}\n`);
      },
    );

    await step('names that are none, or not there, or taken, are told', async () => {
      for (const wrong of ['none', 'a/b', '..', 'a b', ''])
        await assert.rejects(endingOf(containers.logs(wrong)), /Cannot/, wrong);
      await assert.rejects(endingOf(containers.exec('none', { args: ['x'] })), { code: 'not_found' });
      await assert.rejects(endingOf(containers.run({ image, id })), { code: 'already_exists' });
      await assert.rejects(endingOf(containers.run({ image, id: 'a..b' })), { code: 'invalid_argument' });
      await assert.rejects(endingOf(containers.run({ image: 'none:1' })), {
        code: 'not_found',
        cure: 'Bring it with lade pull none:1',
      });
      await assert.rejects(endingOf(containers.run({ image, user: 'bob' })), { code: 'invalid_argument' });
      await assert.rejects(endingOf(containers.run({ image, entrypoint: ['/none'] })), /none/);
      assert.equal((await containers.list()).length, 1);
      await containers.remove(id, { force: true });
      await assertNothingLeft(site);
    });

    await step(
      'a container goes on while the daemon is killed, and its logs and its end are known afterwards',
      async () => {
        const args = [
          'sh',
          '-c',
          'i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo $i; sleep 0.01; done; exit 5',
        ];
        const lines = Array.from({ length: 400 }, (_, i) => `${i + 1}\n`).join('');
        const gone = endingOf(containers.run({ image, id, args })).catch(() => {});
        await waitUntil('it writes', async () => (await find(site, id))?.state === 'running');
        await site.node.killDaemon();
        await gone;
        await site.node.startDaemon();
        assert.equal((await endingOf(containers.logs(id, { follow: true }))).stdout, lines);
        await waitUntil('its end is noted', async () => (await find(site, id))?.exitStatus === 5);
        await containers.remove(id);
        await assertNothingLeft(site);
      },
    );
  });
}
