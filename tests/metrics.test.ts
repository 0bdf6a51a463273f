import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { controlSocketPath } from '@lade/control-protocol';
import { programIn } from '@lade/debian';
import { startOrigin, unpackSet } from '@lade/sandbox';
import { CACHE } from './programs.ts';
import { Testbed, needsRoot } from './testbed.ts';

/* What Prometheus' own tool says of the metrics of a daemon, and of the expressions of the dashboard. */
const DASHBOARD = join(import.meta.dirname, '../docs/grafana/lade.json');

interface Dashboard {
  readonly panels: readonly { readonly id: number; readonly targets: readonly { readonly expr: string }[] }[];
}

test('promtool has nothing to say against the metrics of a daemon that has worked', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const node = await bed.node('node', await bed.bucket('S3'), '2.1', ['--cache-size', '1GiB']);
  const { layout, name } = await bed.image('busybox');
  await using origin = await startOrigin([layout]);
  const reference = `${origin.address}/${name}`;
  await node.containerd.pull(reference, { snapshotter: 'lade' });
  await node.run(reference, '/bin/busybox', 'true');
  await node.uploaded();
  await node.ladeOrThrow('status');
  const [response] = (await once(
    get({ socketPath: controlSocketPath(node.address), path: '/metrics' }),
    'response',
  )) as [IncomingMessage];
  const metrics = await text(response);
  for (const name of [
    'containerd_call_seconds_bucket',
    'bucket_operation_seconds_bucket',
    'work_seconds_bucket{work="convert layer",result="ok"',
    'work_seconds_bucket{work="publish layer",result="ok"',
    'fill_bytes_total',
    'read_wait_seconds_bucket',
    'bucket_state',
    'bucket_clock_ahead_seconds',
    'cache_limit_bytes',
  ])
    assert.ok(metrics.includes(`\nlade_${name}`), name);
  assert.deepEqual(await promtool(['check', 'metrics'], metrics), { code: 0, said: '' });
  const { code, said } = await promtool(['check', 'metrics'], metrics.replaceAll('_total', ''));
  assert.equal(code, 3, 'it finds something where there is something');
  assert.match(said, /lade_bucket_requests counter metrics should have "_total" suffix/);
});

test('promtool understands every expression of the dashboard', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-rules-'));
  const { panels } = JSON.parse(await readFile(DASHBOARD, 'utf8')) as Dashboard;
  const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  assert.ok(expressions.length >= panels.length);
  const file = join(folder.path, 'rules.json');
  const check = async (all: readonly string[]): ReturnType<typeof promtool> => {
    const rules = all.map((expr, i) => ({
      record: `panel:${i}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    return promtool(['check', 'rules', '--lint-fatal', file]);
  };
  const { code, said } = await check(expressions);
  assert.equal(code, 0, said);
  assert.match(said, new RegExp(`SUCCESS: ${expressions.length} rules found`));
  assert.equal((await check([...expressions, 'sum(rate(lade_layers[5m])'])).code, 1);
});

async function promtool(
  args: readonly string[],
  input = '',
): Promise<{ readonly code: number | null; readonly said: string }> {
  const { folder } = await unpackSet('prometheus', { cacheFolder: CACHE, log: () => {} });
  const program = await programIn(folder, 'usr/bin/promtool');
  const child = spawn(program.command, [...program.args, ...args]);
  child.stdin.end(input);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, said: out + err };
}
