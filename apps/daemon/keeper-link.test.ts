import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { SILENT } from '@lade/log';
import { KeeperLink } from './keeper-link.ts';
import { eventually, KeeperBed, kill } from './testing/keeper-bed.ts';

const DEATHS = 20;
const MAX_KEEPER_KB = 60 << 10;
/** Long enough for what must not happen. */
const A_WHILE_MS = 300;

const isRoot = process.getuid?.() === 0;
const needsRoot = { skip: isRoot ? false : 'SKIPPED, NOT TESTED: copying descriptors needs root' };
if (!isRoot) assert.equal(process.env['CI'], undefined, 'these tests need root');

describe('a daemon and its keeper', needsRoot, () => {
  test('a daemon that is killed is started again, and has the same files open', async () => {
    await using bed = new KeeperBed();
    const { pid } = bed.start();
    const first = await bed.life(1);
    assert.deepEqual([first.inherited, first.restarts, first.shared], [false, 0, [pid]]);
    const keeper = await bed.keeperPid();
    kill(pid);
    const second = await bed.life(2);
    assert.deepEqual([second.inherited, second.restarts, second.shared], [true, 1, [pid, second.pid]]);
    assert.equal(await bed.keeperPid(), keeper);
    assert.equal(oomScore(keeper), maySpare() ? '-1000' : oomScore(process.pid));
    assert.equal(oomScore(second.pid), oomScore(process.pid));
  });

  test('a keeper that is killed is replaced, and the next daemon has the same files open', async () => {
    await using bed = new KeeperBed();
    const { pid } = bed.start();
    await bed.life(1);
    await bed.replaceKeeper();
    kill(pid);
    const second = await bed.life(2);
    assert.deepEqual([second.inherited, second.shared], [true, [pid, second.pid]]);
  });

  test('both can be killed in turns, again and again, and nothing piles up', async () => {
    await using bed = new KeeperBed();
    bed.start();
    const { open } = await bed.life(1);
    const inKeepers = new Set<number>();
    for (let death = 1; death <= DEATHS; death++) {
      const keeper = await bed.replaceKeeper();
      kill(bed.lives.at(-1)?.pid ?? 0);
      const life = await bed.life(death + 1);
      assert.deepEqual(
        life.shared,
        bed.lives.map(({ pid }) => pid),
      );
      assert.equal(life.open, open);
      inKeepers.add(openIn(keeper));
    }
    assert.equal(inKeepers.size, 1);
    await bed.keeperPid();
    await eventually('one daemon is left', () => bed.pidsOf('kept-daemon.ts').length === 1 || undefined);
  });

  test('a keeper that brings a daemon back many times keeps no zombie and no descriptor', async () => {
    await using bed = new KeeperBed();
    bed.start();
    kill((await bed.life(1)).pid);
    await bed.life(2);
    const keeper = await bed.keeperPid();
    const open = openIn(keeper);
    for (let count = 2; count < 6; count++) kill((await bed.life(count)).pid);
    const { pid, restarts } = await bed.life(6);
    assert.equal(restarts, 5);
    assert.equal(openIn(keeper), open);
    assert.equal(readFileSync(`/proc/${keeper}/task/${keeper}/children`, 'latin1').trim(), String(pid));
  });

  test('a daemon that cannot start again is tried until it can', async () => {
    await using bed = new KeeperBed();
    const { pid } = bed.start();
    await bed.life(1);
    writeFileSync(bed.breaker, '');
    kill(pid);
    await bed.logSays('"restarts":3');
    rmSync(bed.breaker);
    const { restarts, shared } = await bed.life(2);
    assert.ok(restarts >= 3);
    assert.equal(shared.length, 2);
  });

  test('a daemon that fails at its very first start leaves no keeper behind', async () => {
    await using bed = new KeeperBed();
    writeFileSync(bed.breaker, '');
    assert.deepEqual(await once(bed.start(), 'exit'), [1, null]);
    await eventually('no keeper is left', () => bed.pidsOf('keeper.mjs').length === 0 || undefined);
    assert.ok(!existsSync(bed.socketPath));
  });

  test('a daemon that says bye stays away, and the next one inherits', async () => {
    await using bed = new KeeperBed();
    const daemon = bed.start();
    await bed.life(1);
    const keeper = await bed.keeperPid();
    daemon.kill('SIGTERM');
    assert.deepEqual(await once(daemon, 'exit'), [0, null]);
    await sleep(A_WHILE_MS);
    assert.deepEqual(bed.pidsOf('kept-daemon.ts'), []);
    const { pid } = bed.start();
    const next = await bed.life(2);
    assert.deepEqual([next.inherited, next.restarts, next.shared], [true, 0, [daemon.pid, pid]]);
    assert.equal(await bed.keeperPid(), keeper);
  });

  test('a daemon that says bye to a keeper just killed leaves another one behind', async () => {
    await using bed = new KeeperBed();
    const daemon = bed.start();
    await bed.life(1);
    process.kill(daemon.pid, 'SIGSTOP');
    const killed = await bed.keeperPid();
    kill(killed);
    process.kill(daemon.pid, 'SIGTERM');
    process.kill(daemon.pid, 'SIGCONT');
    assert.deepEqual(await once(daemon, 'exit'), [0, null]);
    assert.notEqual(await bed.keeperPid(), killed);
    const { pid } = bed.start();
    assert.deepEqual((await bed.life(2)).shared, [daemon.pid, pid]);
  });

  test('release() ends the keeper', async () => {
    await using bed = new KeeperBed();
    const daemon = bed.start();
    await bed.life(1);
    daemon.kill('SIGUSR2');
    assert.deepEqual(await once(daemon, 'exit'), [0, null]);
    await eventually('no keeper is left', () => bed.pidsOf('keeper.mjs').length === 0 || undefined);
    assert.ok(!existsSync(bed.socketPath));
    bed.start();
    assert.equal((await bed.life(2)).inherited, false);
  });

  test('when both are killed at once, the next daemon starts afresh in spite of the old socket', async () => {
    await using bed = new KeeperBed();
    const { pid } = bed.start();
    await bed.life(1);
    const keeper = await bed.keeperPid();
    process.kill(pid, 'SIGSTOP');
    kill(keeper);
    kill(pid);
    assert.ok(existsSync(bed.socketPath));
    await eventually('both are gone', () => bed.pidsOf('keeper.mjs').length === 0 || undefined);
    bed.start();
    assert.equal((await bed.life(2)).inherited, false);
    await bed.keeperPid();
  });

  test('of two daemons that start at once one serves, and there is one keeper', async () => {
    await using bed = new KeeperBed();
    const daemons = [bed.start(), bed.start()];
    const exit = (await Promise.race(daemons.map(async (daemon) => once(daemon, 'exit')))) as unknown[];
    assert.deepEqual(exit, [1, null]);
    await bed.life(1);
    await bed.logSays('held by another process');
    await bed.keeperPid();
    assert.equal(bed.pidsOf('kept-daemon.ts').length, 1);
  });

  test('a daemon that comes while another is there waits for its end', async () => {
    await using bed = new KeeperBed();
    const options = { root: bed.root, create: () => ({}), log: SILENT };
    await using first = await KeeperLink.connect(options);
    await first.serving({ restart: false });
    const signal = AbortSignal.timeout(A_WHILE_MS);
    await assert.rejects(KeeperLink.connect(options, { signal }), /timeout/);
    const waiting = KeeperLink.connect(options);
    await first.bye();
    await first[Symbol.asyncDispose]();
    await using second = await waiting;
    assert.ok(second.inherited);
    await second.release();
  });

  test('a keeper ignores signals while it is needed', async () => {
    await using bed = new KeeperBed();
    const { pid } = bed.start();
    await bed.life(1);
    const keeper = await bed.keeperPid();
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.kill(keeper, signal);
    await bed.logSays('kept alive');
    kill(pid);
    await bed.life(2);
    assert.equal(await bed.keeperPid(), keeper);
  });

  test('the keeper of a daemon that runs as lade does is small', async () => {
    await using bed = new KeeperBed();
    const cache = join(import.meta.dirname, '../../node_modules/.cache/lade');
    const flags = '--max-semi-space-size=1 --v8-pool-size=1';
    bed.start('env', `NODE_COMPILE_CACHE=${cache}`, `NODE_OPTIONS=${flags}`);
    await bed.life(1);
    const status = readFileSync(`/proc/${await bed.keeperPid()}/status`, 'latin1');
    const [, peakKb] = /VmHWM:\s+(\d+) kB/.exec(status) ?? [];
    assert.ok(Number(peakKb) < MAX_KEEPER_KB, `${peakKb} kB`);
  });

  test('a keeper ends when the machine goes down', async () => {
    await using bed = new KeeperBed();
    const asIfDown = 'printf systemd-shutdow > /proc/self/comm; "$@" & wait';
    bed.start('unshare', '--pid', '--fork', '--mount-proc', 'sh', '-c', asIfDown, 'sh');
    await bed.life(1);
    process.kill(await bed.keeperPid(), 'SIGTERM');
    await bed.logSays('keeper has gone');
  });

  test('only root can talk to a keeper, and nonsense does not harm it', async () => {
    await using bed = new KeeperBed();
    const { pid } = bed.start();
    await bed.life(1);
    const keeper = await bed.keeperPid();
    assert.equal(statSync(bed.socketPath).mode & 0o777, 0o600);
    const open = openIn(keeper);
    for (const nonsense of [
      '\n',
      'x\n',
      '7\n',
      'null\n',
      '{"kind":"release"}\n',
      '{"kind":"bye"}\n',
      '{"kind":"hello","pid":"1"}\n',
      '{"kind":"serving","command":{"argv":[]}}\n',
      'x'.repeat(3 << 20),
    ]) {
      const socket = await bed.connect();
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket
        .on('error', () => {})
        .resume()
        .end(nonsense);
      await closed;
    }
    assert.equal(openIn(keeper), open);
    kill(pid);
    assert.equal((await bed.life(2)).inherited, true);
    assert.equal(await bed.keeperPid(), keeper);
  });
});

function openIn(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function oomScore(pid: number): string {
  return readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1').trim();
}

/** CAP_SYS_RESOURCE, as bit of /proc/self/status. */
function maySpare(): boolean {
  const [, mask = '0'] = /CapEff:\s+(\w+)/.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
  return ((BigInt(`0x${mask}`) >> 24n) & 1n) === 1n;
}
