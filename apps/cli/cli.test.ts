import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { NodeSummary } from '@lade/control-protocol';
import { SAMPLE_STATUS } from '@lade/control-protocol/testing';
import type { ControlPlatform } from '@lade/control-service';
import { CodedError } from '@lade/errors';
import type { TextStream } from './command.ts';
import { runCommandLine } from './run-command-line.ts';
import { APP, BASE, IMAGE, LAYER, NAME, PUBLISHED_AT } from './testing/sample-node.ts';
import { run, serveTo, type Run } from './testing/serve-to.ts';

const NODES: readonly NodeSummary[] = (['running', 'gone'] as const).map((state) => ({
  name: `${state}-0123456789abcdef`,
  state,
  version: '0.1.0',
  startedAt: PUBLISHED_AT,
  seenAt: PUBLISHED_AT,
  fillMode: 'fuse',
  layers: 3,
  diskBytes: 4_500_000,
  uploadsWaiting: 0,
  requests: { '2026-11': SAMPLE_STATUS.bucketRequests },
  countedSince: PUBLISHED_AT,
}));
const STORED = [
  { kind: 'layers', objects: 3, bytes: 1_000_000 },
  { kind: 'packs', objects: 20, bytes: 10 * 2 ** 30 },
];
const PRICES = {
  currency: 'XTS',
  asOf: '2026-11-27',
  per1000Requests: { read: 1, write: 10, list: 10, delete: 0 },
  perGiB: { received: 0, sent: 0, storedForAMonth: 0.5 },
};

/** Answers like a daemon whose bucket has one image, of which layer APP is damaged under the name "damaged". */
const PLATFORM: Partial<ControlPlatform> = {
  bucket: {
    contents: async () => ({ listedAt: PUBLISHED_AT, kinds: STORED }),
    objects: async () => ({ objects: [] }),
    history: () => assert.fail(),
    async *collectGarbage({ dryRun, graceDays = 7 }) {
      yield { kind: 'listed', objects: 3 };
      yield { kind: dryRun ? 'garbage' : 'removed', key: `packs/old-${graceDays}`, sizeBytes: 1_500_000 };
      const kept = { keptObjects: 2, keptBytes: 900, youngObjects: 1 };
      yield { kind: 'collected', dryRun, ...kept, garbageObjects: 1, garbageBytes: 1_500_000 };
    },
    async removeImage(image) {
      if (image !== NAME) throw unknownImage(image);
    },
  },
  status: async () => SAMPLE_STATUS,
  nodes: async () => NODES,
  images: async ({ namespace }) => (namespace === 'empty' ? [] : [IMAGE]),
  async removeImage(image, { namespace }) {
    if (image !== NAME || namespace === 'empty') throw unknownImage(image);
  },
  layers: async () => [LAYER],
  console: () => ({ url: 'http://127.0.0.1:7676/#token=t' }),
  async *events({ follow, ...query }) {
    const time = '2026-11-27T01:02:03.456Z';
    yield { kind: 'bucket.put', id: 7, time, key: 'packs/\u001bx', bytes: 1_200_000, ms: 12.5 };
    yield { kind: 'bucket.get', id: 8, time, key: 'packs/y', offset: 4096, ms: 3, code: 'not_found' };
    yield { kind: 'log.info', id: 9, time, message: 'asked', query };
    if (follow) yield { kind: 'lost', count: 3 };
  },
  snapshots: () => [
    { key: 'k8s.io/1/base', kind: 'committed', diffId: BASE, createdAt: PUBLISHED_AT },
    { key: `k8s.io/2/extract ${BASE}`, kind: 'active', parent: 'k8s.io/1/base', createdAt: PUBLISHED_AT },
  ],
  async trace(diffId) {
    if (diffId === BASE)
      return { diffId, chunks: [{ number: 7, offset: 4096, sizeBytes: 8192, path: 'bin/sh' }] };
    throw new CodedError('not_found', 'Cannot find a recorded start');
  },
  async *verify(image) {
    if (image !== NAME && image !== 'damaged') throw unknownImage(image);
    yield { kind: 'proving', diffId: BASE, number: 1, of: 2 };
    yield { kind: 'proved', diffId: BASE, number: 1, of: 2, tarBytes: 45_100_000 };
    yield { kind: 'proving', diffId: APP, number: 2, of: 2 };
    if (image === NAME) yield { kind: 'proved', diffId: APP, number: 2, of: 2, tarBytes: 900 };
    else {
      const error = { code: 'data_loss', message: 'Cannot prove it', cure: 'Remove it' } as const;
      yield { kind: 'failed', diffId: APP, number: 2, of: 2, error };
    }
    yield { kind: 'verified', layers: 2, failed: image === NAME ? 0 : 1, tarBytes: 45_100_900 };
  },
  async *pull({ image, namespace, from, plainHttp }) {
    if (image !== NAME) throw unknownImage(image);
    if (from === 'registry' && plainHttp) {
      yield { kind: 'resolved', digest: IMAGE.digest, layers: 1, source: 'registry' };
      for (const bytes of [0, 500])
        yield { kind: 'downloading', diffId: BASE, number: 1, of: 1, bytes, totalBytes: 1000 };
      yield { kind: 'converting', diffId: BASE, number: 1, of: 1 };
    } else yield { kind: 'fetching', diffId: BASE, number: 1, of: 1 };
    yield { kind: 'present', diffId: BASE, number: 1, of: 1 };
    if (namespace === 'broken') {
      yield { kind: 'traced', traceId: TRACE };
      throw new CodedError('unavailable', 'Cannot reach containerd', { cure: 'Start it' });
    }
    yield {
      kind: 'restored',
      name: image,
      digest: IMAGE.digest,
      layers: 1,
      ...(from === 'registry'
        ? { source: from, downloadedBytes: 26_800_000, layersToUpload: 2 }
        : { source: 'bucket', downloadedBytes: 0, layersToUpload: 0 }),
    };
  },
};

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

function unknownImage(image: string): CodedError {
  return new CodedError('not_found', `Cannot find image ${image} in memory:`, { cure: `Use ${NAME}` });
}

/** The CLI against a control API that a real server serves. */
const withDaemon = async (t: TestContext): Promise<Run> => serveTo(t, PLATFORM);

function jsonLines(text: string): { kind: string }[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string });
}

test('lade status, images and layers print tables for people and JSON for scripts', async (t) => {
  const lade = await withDaemon(t);
  const status = await lade('status');
  assert.equal(status.code, 0, status.stderr);
  assert.match(status.stdout, /^node +node-a-0123456789abcdef$/m);
  assert.match(status.stdout, /^bucket +s3:\/\/bucket\/prefix$/m);
  assert.match(status.stdout, /^health +healthy$/m);
  assert.match(status.stdout, /^layers +2, 1 more as plain snapshots$/m);
  assert.match(status.stdout, /^uploads +3 waiting$/m);
  assert.match(
    status.stdout,
    /^chunks +30 from packs of the bucket, 9\.4 MB, 20 reads waited 0\.12 s each\n +10 from its hot chunks, 2\.6 MB, 8 reads waited 11 ms each\n/m,
  );
  assert.match(status.stdout, /^fetched +12\.3 MB in 20 requests, 5 retries, 4 hedges$/m);
  assert.match(
    status.stdout,
    /^requests +900 reads, 40 writes, 3 lists, 1 deletions, 3 errors, 45\.0 MB received, 12\.1 MB sent$/m,
  );
  assert.match(status.stdout, /^damage +7 found, 6 healed$/m);
  assert.match(status.stdout, /^keeper +2 restarts of the daemon$/m);
  assert.deepEqual(JSON.parse((await lade('status', '--json')).stdout), SAMPLE_STATUS);
  const images = await lade('images');
  assert.match(
    images.stdout,
    /^IMAGE +DIGEST +PLATFORM +IN +LAYERS HERE +SIZE +FIRST +COLD +WARM +PUBLISHED\n/,
  );
  assert.match(
    images.stdout,
    /^docker\.io\/library\/python:3\.12 +sha256:[0-9a-f]{12}… +linux\/amd64 +bucket, containerd +1\/2 +45\.1 MB +- +- +- +\d+ \w+ ago$/m,
  );
  assert.deepEqual(JSON.parse((await lade('images', '--json')).stdout), [IMAGE]);
  assert.deepEqual(JSON.parse((await lade('images', '--json', '--namespace', 'empty')).stdout), []);
  const layers = await lade('layers');
  assert.match(layers.stdout, /converted +120\.0 MB +110\.0 MB +49% +111\.5 MB +4321 +waiting/);
  assert.deepEqual(JSON.parse((await lade('layers', '--json')).stdout), [LAYER]);
});

test('lade snapshots and trace print tables for people and JSON for scripts', async (t) => {
  const lade = await withDaemon(t);
  const list = await lade('snapshots');
  assert.match(list.stdout, /^k8s\.io\/1\/base +committed +sha256:[0-9a-f]{12}… +\d+ \w+ ago$/m);
  assert.match(
    list.stdout,
    /^k8s\.io\/2\/extract sha256:[0-9a-f]{12}… +active +a directory +k8s\.io\/1\/base +\d+ \w+ ago$/m,
  );
  assert.equal((JSON.parse((await lade('snapshots', '--json')).stdout) as object[]).length, 2);
  const trace = await lade('trace', NAME);
  assert.match(trace.stdout, /^sha256:[0-9a-f]{12}… 1 chunks, 8\.2 kB$/m);
  assert.match(trace.stdout, /^ +7 +4096 +8\.2 kB +bin\/sh$/m);
  assert.match(trace.stdout, /^sha256:[0-9a-f]{12}… no start recorded$/m);
  const traces = JSON.parse((await lade('trace', NAME, '--json')).stdout) as { chunks: object[] }[];
  assert.deepEqual(
    traces.map(({ chunks }) => chunks.length),
    [1, 0],
  );
  assert.equal((await lade('trace', 'python:3.12')).stdout, trace.stdout);
  assert.equal((await lade('trace', 'python')).code, 1);
});

test('lade rmi and gc have the bucket forget an image, and what nobody needs', async (t) => {
  const lade = await withDaemon(t);
  assert.deepEqual(await lade('rmi', '--bucket', NAME), {
    code: 0,
    stdout: `${NAME} removed\n`,
    stderr: '',
  });
  assert.equal((await lade('rmi', '--bucket', 'python')).code, 1);
  const told = await lade('gc', '--bucket', '--dry-run', '--grace', '2.5');
  assert.equal(
    told.stdout,
    'garbage packs/old-2.5 1.5 MB\n' +
      'garbage: 1 objects, 1.5 MB; kept: 2 objects, 900 B, of them 1 only because they are young\n',
  );
  const events = jsonLines((await lade('gc', '--bucket', '--json')).stdout);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['listed', 'removed', 'collected'],
  );
});

test('lade verify proves layer by layer and fails when one fails', async (t) => {
  const lade = await withDaemon(t);
  const good = await lade('verify', NAME);
  assert.deepEqual([good.code, good.stderr], [0, '']);
  const short = (digest: string): string => `${digest.slice(0, 'sha256:'.length + 12)}…`;
  assert.equal(
    good.stdout,
    `${short(BASE)} 45.1 MB proved\n${short(APP)} 900 B proved\n2 of 2 layers proved, 45.1 MB\n`,
  );
  const bad = await lade('verify', 'damaged');
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /FAILED Cannot prove it\n {2}→ Remove it\n1 of 2 layers proved/);
  const json = await lade('verify', '--json', 'damaged');
  assert.equal(json.code, 1);
  assert.deepEqual(
    jsonLines(json.stdout).map(({ kind }) => kind),
    ['proving', 'proved', 'proving', 'failed', 'verified'],
  );
});

test('lade pull tells what it restores, and fails where the daemon fails', async (t) => {
  const lade = await withDaemon(t);
  const good = await lade('pull', NAME);
  assert.equal(good.code, 0, good.stderr);
  assert.match(
    good.stdout,
    /^sha256:[0-9a-f]{12}… present\ndocker\.io\/library\/python:3\.12 sha256:.* restored from the bucket in \d[\d.]* m?s\n$/,
  );
  assert.deepEqual(
    jsonLines((await lade('pull', NAME, '--json')).stdout).map(({ kind }) => kind),
    ['fetching', 'present', 'restored'],
  );
  const fetched = await lade('pull', NAME, '--from', 'registry', '--plain-http');
  assert.match(
    fetched.stdout,
    /^sha256:\w+… downloading, 1\.0 kB\nsha256:\w+… present\n.* pulled from registry, 26\.8 MB in \d[\d.]* m?s; 2 layers go to the bucket\n$/,
  );
  const broken = await lade('pull', NAME, '--namespace', 'broken');
  assert.deepEqual(
    [broken.code, broken.stderr],
    [
      1,
      `everything about this pull: lade events --trace ${TRACE}\nlade: Cannot reach containerd\n  → Start it\n`,
    ],
  );
  const unknown = await lade('pull', 'python');
  assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
  assert.equal(unknown.stderr, `lade: Cannot find image python in memory:\n  → Use ${NAME}\n`);
});

test('lade nodes lists who shares the bucket, and what that costs at given prices', async (t) => {
  const lade = await withDaemon(t);
  const { code, stdout, stderr } = await lade('nodes');
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(
    stdout,
    /^running-0123456789abcdef +running +0\.1\.0 +fuse +3 +4\.5 MB +0 +944 +\d+ \w+ ago$/m,
  );
  assert.match(stdout, /^gone-0123456789abcdef +gone /m);
  assert.deepEqual(JSON.parse((await lade('nodes', '--json')).stdout), NODES);
  const without = (await lade('nodes', '--cost')).stdout;
  assert.match(without, /^2026-11 +1800 +80 +6 +2 +90\.0 MB +24\.2 MB$/m);
  assert.match(without, /^packs +20 +10\.7 GB$/m);
  assert.match(without, /^Give --prices FILE/m);
  const folder = await mkdtemp(join(tmpdir(), 'lade-cli-'));
  t.after(async () => rm(folder, { recursive: true }));
  const file = join(folder, 'prices.json');
  await writeFile(file, JSON.stringify(PRICES));
  const priced = (await lade('nodes', '--cost', '--prices', file)).stdout;
  assert.match(priced, /^2026-11 .* 24\.2 MB +2\.66$/m);
  assert.match(priced, /^layers +3 +1\.0 MB +<0\.01\npacks +20 +10\.7 GB +5\.00$/m);
  assert.match(priced, /at prices of 2026-11-27;\nnot included: /);
  const json = JSON.parse((await lade('nodes', '--cost', '--prices', file, '--json')).stdout) as {
    stored: { cost: number }[];
  };
  assert.equal(json.stored[1]?.cost, 5);
  const { list: _, ...incomplete } = PRICES.per1000Requests;
  await writeFile(file, JSON.stringify({ ...PRICES, per1000Requests: incomplete }));
  const refused = await lade('nodes', '--cost', '--prices', file);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /per1000Requests\.list is a number/);
});

test('lade events --since takes minutes as docker writes them, and days', async (t) => {
  const lade = await withDaemon(t);
  for (const [since, ms] of Object.entries({ '10m': 600_000, '1d': 86_400_000 })) {
    const begin = Date.now();
    const { stdout } = await lade('events', '--since', since);
    const [, from = ''] = /"from":"([^"]+)"/.exec(stdout) ?? [];
    const now = Date.parse(from) + ms;
    assert.ok(begin <= now && now <= Date.now(), `${since}: ${from}`);
  }
});

test('lade events prints a line per event for people, and JSON lines for scripts', async (t) => {
  const lade = await withDaemon(t);
  const { code, stdout, stderr } = await lade('events', '-f', '--kind', 'b', '--since', '7');
  assert.deepEqual([code, stderr], [0, '']);
  assert.deepEqual(stdout.split('\n'), [
    '2026-11-27T09:02:03.456+08:00  bucket.put                    packs/\uFFFDx  1.2 MB  12.5 ms',
    '2026-11-27T09:02:03.456+08:00  bucket.get                    packs/y  offset=4096  3 ms  NOT_FOUND',
    '2026-11-27T09:02:03.456+08:00  log.info                      asked  query={"kind":"b","since":7}',
    '… 3 events came too fast',
    '',
  ]);
  const since = '2026-11-27T01:00:00.000Z';
  const json = jsonLines((await lade('events', '--json', '--since', since)).stdout);
  assert.deepEqual(json.at(-1), {
    kind: 'log.info',
    id: 9,
    time: '2026-11-27T01:02:03.456Z',
    message: 'asked',
    query: { from: since },
  });
});

test('lade rmi removes an image, and tells of one that is not there', async (t) => {
  const lade = await withDaemon(t);
  assert.deepEqual(await lade('rmi', NAME), { code: 0, stdout: `${NAME} removed\n`, stderr: '' });
  assert.deepEqual((await lade('rmi', NAME, '--namespace', 'empty')).code, 1);
  assert.match((await lade('rmi', 'python')).stderr, /^lade: Cannot find image python/);
});

test('without a daemon every command that needs one says so and exits with 1', async () => {
  for (const args of [
    ['status'],
    ['images'],
    ['layers', '--json'],
    ['events'],
    ['verify', 'i'],
    ['pull', 'i'],
    ['rmi', 'i'],
  ]) {
    const { code, stdout, stderr } = await run([...args, '--address', '/nonexistent/lade.sock']);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(
      stderr,
      /^lade: Cannot reach the daemon at \/nonexistent\/lade\.control\.sock: nobody serves there\n {2}→ .*lade serve.*LADE_ADDRESS\n$/,
    );
  }
});

test('wrong usage exits with 2 and a hint of one line', async () => {
  for (const args of [
    [],
    ['imgaes'],
    ['constructor'],
    ['images', 'one', 'two'],
    ['ps', 'one', 'two'],
    ['layers', 'extra'],
    ['images', '--nope'],
    ['images', '--address'],
    ['verify'],
    ['verify', 'a', 'b'],
    ['events', '--since', 'never'],
    ['pull', 'a', '--from', 'nowhere'],
    ['rmi'],
    ['pull', ''],
    ['completion', 'tcsh'],
    ['events', '--trace', 'xyz'],
    ['events', '--tail', 'few'],
    ['ps', '--filter', 'colour=red'],
    ['run', '-p', '80:80', 'image'],
    ['run', '-v', 'data:/data', 'image'],
    ['run', '--net', 'bridge', 'image'],
    ['run', '-di', 'image'],
    ['run', '--json', 'image'],
    ['logs', '--since', '10m', 'web'],
    ['nodes', '--prices', 'f'],
    ['top', '--interval', '0'],
    ['install'],
    ['help', 'nothing'],
    ['gc', '--grace', '2'],
    ['gc', '--bucket', '--grace', '0.5'],
    ['doctor', '--nope'],
    ['serve', '--nope'],
  ]) {
    const [stdout, stderr] = [createSink(), createSink()];
    assert.equal(await runCommandLine(args, { stdout, stderr }), 2, args.join(' '));
    assert.equal(stdout.text, '');
    assert.match(stderr.text, /^lade: .+\n {2}→ .+\n$/, args.join(' '));
  }
  assert.equal((await run(['imgaes'])).code, 2);
});

function createSink(): TextStream & { text: string } {
  return {
    text: '',
    write(text) {
      this.text += text;
    },
  };
}

test('lade console prints the address, lade top what happens', async (t) => {
  const lade = await withDaemon(t);
  assert.equal((await lade('console')).stdout, 'http://127.0.0.1:7676/#token=t\n');
  const shown = await lade('top', '--interval', '0.1');
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(
    shown.stdout,
    /^layers {3}\d+, .* resident\nfills .*\nreaders .*\nbucket .*\nuploads {2}\d+ waiting\n\nCONTAINER/,
  );
  assert.equal(
    jsonLines((await lade('top', '--interval', '0.1', '--count', '2', '--json')).stdout).length,
    2,
  );
});

test('help and version need no daemon', async () => {
  const help = await run(['help']);
  for (const verb of ['serve', 'doctor', 'images', 'events', 'run', 'install', 'completion', 'version'])
    assert.match(help.stdout, new RegExp(`^  ${verb} +[a-z]`, 'm'));
  assert.deepEqual(await run(['--help']), help);
  assert.ok(help.stdout.split('\n').every((line) => line.length <= 120));
  const pull = (await run(['pull', '--help'])).stdout;
  assert.match(pull, /^Usage: lade pull \[OPTIONS\] IMAGE\n\nBring an image into .*\.\n\nOptions:\n/);
  assert.match(pull, /^ {2}-n, --namespace NAME +containerd's namespace/m);
  assert.equal((await run(['help', 'pull'])).stdout, pull);
  assert.match((await run(['serve', '--help'])).stdout, /^ +--bucket URL +where layers go/m);
  assert.match((await run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
  assert.match((JSON.parse((await run(['version', '--json'])).stdout) as { node: string }).node, /^v\d/);
});

test('lade install --print gives the configuration of the containerd that is asked for', async () => {
  const args = ['install', '--print', '--address', '/run/x.sock', '--containerd-version'];
  const { code, stdout, stderr } = await run([...args, '2.1']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^version = 2\n/);
  assert.match(stdout, /\[proxy_plugins\."lade"\]\n {2}type = "snapshot"\n {2}address = "\/run\/x\.sock"/);
  assert.doesNotMatch(stdout, /cri/);
  assert.match(
    (await run([...args, '2.1', '--cri'])).stdout,
    /^\[plugins\."io\.containerd\.cri\.v1\.images"\]$/m,
  );
  assert.match(
    (await run([...args, '1.7', '--cri'])).stdout,
    /^\[plugins\."io\.containerd\.grpc\.v1\.cri"\.containerd\]$/m,
  );
  assert.match(stdout, /capabilities = \["remap-ids"\]\n/);
  assert.match((await run([...args, '2.2'])).stdout, /capabilities = \["remap-ids","rebase"\]\n/);
  assert.doesNotMatch((await run([...args, '1.6'])).stdout, /capabilities/);
  assert.equal((await run([...args, '1.5'])).code, 1);
  assert.deepEqual((await run(['install', '--print'], { PATH: '/nonexistent' })).code, 1);
});

test('lade doctor tells what it found, with cures, and fails when a check fails', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'lade-cli-doctor-'));
  t.after(async () => rm(root, { recursive: true }));
  const args = ['doctor', '--root', root, '--bucket', 'memory:', '--containerd', join(root, 'c.sock')];
  const { code, stdout, stderr } = await run([...args, '--address', join(root, 'lade.sock')]);
  assert.deepEqual([code, stderr], [1, '']);
  assert.match(stdout, /^ok +bucket +memory:/m);
  assert.match(stdout, /^failed +containerd +none answers at .*c\.sock\n +→ Start containerd/m);
  const json = await run([...args, '--json']);
  const findings = JSON.parse(json.stdout) as { check: string; state: string; found: string }[];
  assert.equal(findings.find(({ check }) => check === 'containerd')?.state, 'failed');
  assert.equal(json.code, 1);
});
