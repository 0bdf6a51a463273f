import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { controlSocketPath, type Status } from '@lade/control-protocol';
import { serveControl, type ControlPlatform } from '@lade/control-service';
import { CodedError } from '@lade/errors';
import { GrpcServer } from '@lade/grpc';
import { readMounts } from '@lade/linux';
import { SILENT } from '@lade/log';
import { Introspection, type PluginsResponseSchema } from '@lade/protocol/introspection';
import { Version } from '@lade/protocol/version';
import { startObsStandIn } from '@lade/sandbox';
import { diagnose, type DiagnoseOptions, type Finding } from './doctor.ts';

type Findings = ReadonlyMap<string, Finding>;

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lade-doctor-test-'));
  t.after(async () => rm(folder, { recursive: true }));
  return folder;
}

async function examine(options: Partial<DiagnoseOptions> & { readonly root: string }): Promise<Findings> {
  const address = join(options.root, 'lade.sock');
  return byCheck(await Array.fromAsync(diagnose({ address, ...options })));
}

function byCheck(findings: readonly Finding[]): Findings {
  for (const { state, cure, check } of findings) if (state === 'failed') assert.ok(cure, check);
  return new Map(findings.map((finding) => [finding.check, finding]));
}

/** Runs the diagnosis below a program that takes something away; undefined, loudly, where that program is missing. */
async function examineBelow(
  t: TestContext,
  command: readonly [string, ...string[]],
  root: string,
): Promise<Findings | undefined> {
  const code = `
    import { diagnose } from ${JSON.stringify(new URL('doctor.ts', import.meta.url).href)};
    const options = { root: ${JSON.stringify(root)}, address: '/nonexistent/lade.sock', bucketUrl: 'memory:' };
    console.log(JSON.stringify(await Array.fromAsync(diagnose(options))));`;
  const [program, ...args] = [...command, process.execPath, '--input-type=module', '-e', code];
  try {
    const { stdout } = await promisify(execFile)(program, args);
    return byCheck(JSON.parse(stdout) as Finding[]);
  } catch (reason) {
    const isMissing = (reason as NodeJS.ErrnoException).code === 'ENOENT';
    if (!isMissing || process.env['CI'] !== undefined) throw reason;
    t.skip(`NOT TESTED: there is no ${program} here`);
    return undefined;
  }
}

type PluginShape = NonNullable<MessageInitShape<typeof PluginsResponseSchema>['plugins']>[number];

/** A containerd as far as doctor asks it, over real gRPC. */
async function serveContainerd(
  t: TestContext,
  address: string,
  answers: { readonly version: string; readonly plugins: readonly PluginShape[] },
): Promise<void> {
  const server = new GrpcServer();
  const unasked = async (): Promise<never> => {
    throw new CodedError('unimplemented', 'Cannot answer: doctor does not ask this');
  };
  server.add(Version, { version: async () => ({ version: answers.version }) });
  server.add(Introspection, {
    plugins: async () => ({ plugins: [...answers.plugins] }),
    server: unasked,
    pluginInfo: unasked,
  });
  await server.listen(address);
  t.after(async () => server[Symbol.asyncDispose]());
}

test('on a machine that can, every layer and snapshot is mounted, and nothing is left behind', async (t) => {
  if (process.geteuid?.() !== 0 && process.env['CI'] === undefined) return t.skip('NOT TESTED: needs root');
  const root = await temporaryFolder(t);
  const findings = await examine({ root, bucketUrl: `file://${root}/bucket` });
  for (const check of ['privileges', 'kernel', 'root', 'sparse files', 'overlayfs', 'bucket']) {
    assert.equal(findings.get(check)?.state, 'ok', JSON.stringify(findings.get(check)));
  }
  assert.notEqual(findings.get('EROFS')?.state, 'failed', findings.get('EROFS')?.found);
  assert.match(findings.get('bucket')?.found ?? '', /put \d+ ms.* conditional put \d+ ms.* delete \d+ ms/);
  assert.deepEqual(await readdir(root), []);
  const left = (await readMounts()).filter(({ mountPoint }) => mountPoint.startsWith(root));
  assert.deepEqual(left, []);
});

test('a root that is not there yet is examined where it would be made', async (t) => {
  const folder = await temporaryFolder(t);
  const root = join(folder, 'a/b');
  const findings = await examine({ root });
  assert.equal(findings.get('root')?.found, `${root} can be made`);
  assert.deepEqual(await readdir(folder), []);
});

test('a root that mount options cannot hold is refused', async (t) => {
  const root = join(await temporaryFolder(t), 'a,b');
  await mkdir(root);
  assert.match((await examine({ root })).get('root')?.found ?? '', /comma/);
});

test('a root that cannot be written to fails every check that needs it, each with a cure', async (t) => {
  const root = await temporaryFolder(t);
  const script = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"';
  const findings = await examineBelow(t, ['unshare', '-m', 'sh', '-c', script, 'sh', root], root);
  if (!findings) return;
  for (const check of ['root', 'sparse files', 'EROFS', 'overlayfs']) {
    const { state, found, cure } = findings.get(check) as Finding;
    assert.deepEqual(
      [state, found.includes(`Cannot write to ${root}`)],
      ['failed', true],
      `${check}: ${found}`,
    );
    assert.match(cure ?? '', /--root/);
  }
  assert.equal(findings.get('bucket')?.state, 'ok');
});

test('without CAP_SYS_ADMIN the diagnosis says so', async (t) => {
  const root = await temporaryFolder(t);
  const findings = await examineBelow(t, ['setpriv', '--bounding-set', '-sys_admin'], root);
  if (!findings) return;
  assert.match(findings.get('privileges')?.found ?? '', /CAP_SYS_ADMIN/);
  assert.equal(findings.get('privileges')?.state, 'failed');
  assert.equal(findings.get('overlayfs')?.state, 'failed');
});

test('the place of the credentials is told, whether the bucket takes them or not', async (t) => {
  const root = await temporaryFolder(t);
  const folder = await temporaryFolder(t);
  const key = { accessKeyId: 'key', secretAccessKey: 'secret' };
  await using store = await startObsStandIn({ folder, bucket: 'lade', ...key });
  const bucketUrl = `obs://lade?endpoint=http://localhost:${store.address.split(':')[1]}`;
  for (const [secret, state] of [
    ['secret', 'ok'],
    ['hidden', 'failed'],
  ] as const) {
    const variables: Readonly<Record<string, string>> = {
      OBS_ACCESS_KEY_ID: 'key',
      OBS_SECRET_ACCESS_KEY: secret,
    };
    const environment = (name: string): string | undefined => variables[name];
    const found = (await examine({ root, bucketUrl, environment })).get('bucket');
    assert.equal(found?.state, state, found?.found);
    assert.match(found.found, /credentials: environment variable OBS_ACCESS_KEY_ID/);
    assert.doesNotMatch(JSON.stringify(found), /hidden/);
  }
});

test('a bucket that cannot be used fails with its reason, and never shows a credential', async (t) => {
  const root = await temporaryFolder(t);
  const bad = (await examine({ root, bucketUrl: 'ftp://bucket' })).get('bucket');
  assert.deepEqual([bad?.state, bad?.found.includes('scheme')], ['failed', true]);
  const endpoint = 'endpoint=http://127.0.0.1:9&region=r&access-key-id=key&secret-access-key=hidden';
  const down = (await examine({ root, bucketUrl: `s3://bucket/p?${endpoint}` })).get('bucket');
  assert.deepEqual([down?.state, down?.found.includes('ECONNREFUSED')], ['failed', true]);
  assert.ok(!JSON.stringify([bad, down]).includes('hidden'));
  assert.equal((await examine({ root })).get('bucket')?.state, 'warning');
});

test('a containerd that is not there fails, or is passed over when none was named', async (t) => {
  const root = await temporaryFolder(t);
  const findings = await examine({ root, containerd: join(root, 'c.sock') });
  assert.equal(findings.get('containerd')?.state, 'failed');
  assert.match(findings.get('containerd')?.cure ?? '', /containerd/);
  assert.equal((await examine({ root })).get('containerd')?.state, 'warning');
});

test('a containerd is judged by its version and by whether it has loaded us', async (t) => {
  const root = await temporaryFolder(t);
  const containerd = join(root, 'c.sock');
  const answers = {
    version: 'v2.1.9',
    plugins: [{ type: 'io.containerd.snapshotter.v1', id: 'lade' }] as PluginShape[],
  };
  await serveContainerd(t, containerd, answers);
  const found = async (check: string): Promise<readonly unknown[]> => {
    const finding = (await examine({ root, containerd })).get(check);
    return [finding?.state, finding?.found];
  };
  assert.deepEqual(await found('containerd'), ['ok', `containerd v2.1.9 answers at ${containerd}`]);
  assert.deepEqual(await found('containerd plugin'), ['failed', 'containerd does not know lade-diff']);
  answers.plugins.push({ type: 'io.containerd.differ.v1', id: 'lade-diff' });
  assert.deepEqual(await found('containerd plugin'), ['ok', 'containerd has loaded lade and lade-diff']);
  answers.plugins[1] = { type: 'io.containerd.differ.v1', id: 'lade-diff', initErr: { message: 'refused' } };
  assert.deepEqual(await found('containerd plugin'), [
    'failed',
    'containerd could not load lade-diff: refused',
  ]);
  answers.plugins.pop();
  answers.version = '1.6.20~ds1';
  assert.equal((await found('containerd'))[0], 'warning');
  assert.deepEqual(await found('containerd plugin'), ['ok', 'containerd has loaded lade']);
  answers.version = '1.5.9';
  assert.equal((await found('containerd'))[0], 'failed');
});

test('the bucket of a daemon that runs is judged by what it meets, unless one is named', async (t) => {
  const root = await temporaryFolder(t);
  const [bucket, since] = ['s3://bucket/prefix', '2026-11-01T10:00:00.000Z'];
  const lastError = { code: 'permission_denied', message: 'Cannot put: refused', cure: 'Give it the right' };
  for (const [state, judged] of [
    ['healthy', 'ok'],
    ['degraded', 'warning'],
    ['refused', 'failed'],
  ] as const) {
    const bucketHealth = { state, since, ...(state === 'healthy' ? {} : { lastError }) };
    const daemon = {
      bucket,
      bucketHealth,
      version: '1',
      layers: 0,
      uploads: { waiting: 0 },
    } as unknown as Status;
    const found = (await examine({ root, daemon })).get('bucket');
    assert.equal(found?.state, judged);
    assert.ok(found.found.includes(bucket) && found.found.includes(state));
    assert.equal(found.cure, state === 'healthy' ? undefined : lastError.cure);
    const named = (await examine({ root, daemon, bucketUrl: 'memory:' })).get('bucket');
    assert.deepEqual([named?.state, named?.found.startsWith('memory:')], ['ok', true]);
  }
});

test('a plain user is told once what only root can do', async (t) => {
  const root = await temporaryFolder(t);
  await chmod(root, 0o755);
  const findings = await examineBelow(t, ['setpriv', '--reuid', '65534', '--clear-groups'], root);
  if (!findings) return;
  const failures = [...findings.values()].filter(({ state }) => state === 'failed');
  assert.deepEqual(
    failures.map(({ check }) => check),
    ['privileges'],
  );
  assert.match(findings.get('EROFS')?.found ?? '', /only root/);
  assert.equal(findings.get('bucket')?.state, 'ok');
});

test('a daemon that runs is found, with what its uploads lack', async (t) => {
  const root = await temporaryFolder(t);
  const address = join(root, 'lade.sock');
  assert.equal((await examine({ root })).get('daemon')?.state, 'warning');
  const uploads: { waiting: number; lastError?: string } = { waiting: 3 };
  const status = { version: '9.8.7', root, bucket: 'memory:', fillMode: 'full', uploads, layers: 1 };
  const platform = { status: async () => status as unknown as Status } as unknown as ControlPlatform;
  const server = await serveControl({ socketPath: controlSocketPath(address), platform, log: SILENT });
  t.after(async () => server[Symbol.asyncDispose]());
  const running = (await examine({ root })).get('daemon');
  assert.deepEqual([running?.state, running?.found.includes('9.8.7')], ['ok', true]);
  uploads.lastError = 'Cannot put: refused';
  assert.match((await examine({ root })).get('daemon')?.found ?? '', /3 uploads waiting.*refused/);
});
