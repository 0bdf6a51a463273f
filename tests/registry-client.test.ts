import assert from 'node:assert/strict';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { digestOf, parseManifest, parseReference } from '@lade/oci';
import { RegistryClient, dockerCredentials } from '@lade/registry-client';
import { pushLayout, startDockerRegistry, unpackSet } from '@lade/sandbox';
import { collectBytes } from '@lade/streams';
import { CACHE } from './programs.ts';
import { buildSpeaker } from './small-images.ts';
import { needsRoot } from './testbed.ts';

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
