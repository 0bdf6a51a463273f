import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { parseConfig } from './config.ts';

test('parseConfig() takes flags before variables before the file before defaults', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'lade-config-'));
  const file = join(folder.path, 'lade.json');
  writeFileSync(file, '{"bucket":"s3://from-file/x","log-level":"warn","containerd":"/file.sock"}');
  const env = { LADE_BUCKET: 's3://from-env/x', LADE_LOG_LEVEL: 'debug' };
  const config = parseConfig(['--config', file, '--bucket', 's3://from-flag/x'], env);
  assert.equal(config.bucketUrl, 's3://from-flag/x');
  assert.equal(config.logLevel, 'debug');
  assert.equal(config.containerd, '/file.sock');
  assert.equal(config.root, '/var/lib/lade');
});

test('parseConfig() takes what is known of a daemon before defaults alone', () => {
  const known = { root: '/known', containerd: '/known.sock' };
  const config = parseConfig(['--containerd', '/flag.sock'], {}, known);
  assert.deepEqual([config.root, config.containerd], ['/known', '/flag.sock']);
});

test('without a bucket the node keeps one below its root', () => {
  assert.equal(parseConfig(['--root', '/r'], {}).bucketUrl, 'file:///r/bucket');
});

test('parseConfig() reads sizes and listeners', () => {
  const config = parseConfig(['--max-layer-size', '2GiB', '--http', '[::1]:8080'], {});
  assert.equal(config.maxLayerBytes, 2 ** 31);
  assert.deepEqual(config.http, { host: '::1', port: 8080 });
  assert.equal(config.readDeadlineMs, 30_000);
  assert.equal(parseConfig(['--read-deadline', '1500ms'], {}).readDeadlineMs, 1500);
});

test('parseConfig() limits what the bucket is asked, when told to', () => {
  assert.deepEqual(parseConfig([], {}).bucketLimits, {});
  const flags = ['--bucket-requests-per-second', '200', '--bucket-bandwidth', '4MiB'];
  assert.deepEqual(parseConfig(flags, {}).bucketLimits, { requestsPerSecond: 200, bytesPerSecond: 4 << 20 });
});

test('logins of registries are where docker keeps them, or where the setting says', () => {
  const path = (argv: readonly string[], env: NodeJS.ProcessEnv = {}): string =>
    parseConfig(argv, env).registryConfig;
  assert.equal(path([]), join(homedir(), '.docker/config.json'));
  assert.equal(path([], { DOCKER_CONFIG: '/etc/docker' }), '/etc/docker/config.json');
  assert.equal(path(['--registry-config', '/a.json'], { DOCKER_CONFIG: '/etc/docker' }), '/a.json');
  const env = { HTTPS_PROXY: 'http://proxy:3128', no_proxy: 'localhost', HOME: '/root' };
  const { proxies } = parseConfig([], env);
  assert.deepEqual([proxies['HTTPS_PROXY'], proxies['no_proxy']], [env.HTTPS_PROXY, env.no_proxy]);
  assert.equal(proxies['HOME'], undefined);
});

test('parseConfig() names the setting that is wrong', () => {
  for (const [flag, value] of [
    ['--http', 'nowhere'],
    ['--address', 'relative.sock'],
    ['--address', `/${'x'.repeat(108)}`],
    ['--max-layer-size', 'big'],
    ['--cache-size', '8MiB'],
    ['--bucket-requests-per-second', '0'],
    ['--bucket-bandwidth', '512KiB'],
    ['--read-deadline', '0s'],
    ['--read-deadline', '30'],
    ['--log-level', 'loud'],
    ['--signing-key', '/nonexistent.pem'],
  ] as const) {
    assert.throws(
      () => parseConfig([flag, value], {}),
      (e) => isCodedError(e) && e.message.includes(value),
      flag,
    );
  }
  assert.throws(
    () => parseConfig(['--bukcet', 'x'], {}),
    (e) => isCodedError(e, 'invalid_argument') && /--bucket/.test(e.cure ?? ''),
  );
});

test('a signing key is trusted too', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'lade-config-'));
  const path = join(folder.path, 'key.pem');
  writeFileSync(path, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const { keys } = parseConfig(['--signing-key', path], {});
  assert.ok(keys.signer);
  assert.equal(keys.trusted.length, 1);
});
