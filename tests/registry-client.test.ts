import assert from 'node:assert/strict';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { digestOf, parseManifest, parseReference } from '@lade/oci';
import { RegistryClient, dockerCredentials } from '@lade/registry-client';
import { pushLayout, startDockerRegistry, startOrigin, unpackSet } from '@lade/sandbox';
import { collectBytes } from '@lade/streams';
import { CACHE } from './programs.ts';
import { buildSpeaker } from './small-images.ts';
import { needsRoot } from './testbed.ts';
import { startTlsFront } from './tls-front.ts';

/** The distribution project's registry, which nobody here has written. */
test('the client pulls from docker-registry, whose htpasswd knows one user', needsRoot, async () => {
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-')));
  const { folder: packages } = await unpackSet('docker-registry', { cacheFolder: CACHE });
  // Of the user "user" with the password "secret".
  const htpasswd = 'user:$2a$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n';
  const registry = stack.use(
    await startDockerRegistry({ packages, folder: join(folder, 'registry'), htpasswd }),
  );
  const { address } = registry;
  const speaker = await buildSpeaker(folder);
  const auth = Buffer.from('user:secret').toString('base64');
  const target = { address, repository: 'some/speaker', tag: '1', authorization: `Basic ${auth}` };
  const pushed = await pushLayout(speaker.layout, target);

  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify({ auths: { [address]: { auth } } }));
  const client = stack.use(RegistryClient.open({ credentials: dockerCredentials(config) }));
  const repository = client.repository(parseReference(`${address}/some/speaker:1`));
  assert.deepEqual(await repository.resolve(), pushed);
  const { layers } = parseManifest(await repository.manifest(pushed), pushed.digest);
  for (const layer of layers) {
    const bytes = await collectBytes(repository.blob(layer), layer.size);
    assert.equal(digestOf(bytes), layer.digest);
    const rest = await collectBytes(repository.blob(layer, { offset: 1000 }), layer.size);
    assert.deepEqual(rest, bytes.subarray(1000));
  }
  const missing = client.repository(parseReference(`${address}/some/speaker:2`));
  await assert.rejects(missing.resolve(), (reason) => isCodedError(reason, 'not_found'));

  using stranger = RegistryClient.open();
  await assert.rejects(stranger.repository(parseReference(`${address}/some/speaker:1`)).resolve(), (reason) =>
    isCodedError(reason, 'unauthenticated'),
  );
});

/** A name of this machine that no rule takes for one. */
const ELSEWHERE = '127.1';

test(
  'TLS is spoken with a registry elsewhere, by the certificates that the machine trusts',
  needsRoot,
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const { path: folder } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-')));
    const speaker = await buildSpeaker(folder);
    const origin = stack.use(await startOrigin([speaker.layout]));
    const front = stack.use(await startTlsFront(origin.address));
    const file = join(folder, 'certificate.pem');
    await writeFile(file, front.certificate);
    process.env['SSL_CERT_FILE'] = file;
    t.after(() => delete process.env['SSL_CERT_FILE']);
    using client = RegistryClient.open();
    const at = (address: string): string => `${address.replace('127.0.0.1', ELSEWHERE)}/${speaker.name}`;
    const found = await client.repository(parseReference(at(front.address))).resolve();
    const plain = parseReference(at(origin.address));
    await assert.rejects(client.repository(plain).resolve(), (reason) => {
      assert.ok(isCodedError(reason, 'unavailable'), String(reason));
      assert.match(reason.cure ?? '', /--plain-http/);
      return true;
    });
    assert.deepEqual(await client.repository(plain, { plainHttp: true }).resolve(), found);
  },
);
