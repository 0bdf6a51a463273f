import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import { parseChallenges } from './challenge.ts';
import { RegistryClient, dockerCredentials } from './index.ts';
import { startGuardedRegistry, type GuardOptions, type GuardedRegistry } from './testing/guarded-registry.ts';
import { openStand, type Stand } from './testing/stand.ts';

const LOGIN = `Basic ${Buffer.from('user:pass:word').toString('base64')}`;

/** A guarded registry, and a client that has this config.json. */
async function guard(
  t: TestContext,
  options: GuardOptions,
  config: (address: string) => object = () => ({}),
): Promise<{ readonly stand: Stand; readonly registry: GuardedRegistry; readonly client: RegistryClient }> {
  const stand = await openStand();
  t.after(async () => stand[Symbol.asyncDispose]());
  const registry = await startGuardedRegistry(stand.origin.address, options);
  t.after(async () => registry[Symbol.asyncDispose]());
  const path = join(stand.folder, 'config.json');
  await writeFile(path, JSON.stringify(config(registry.address)));
  const client = RegistryClient.open({ credentials: dockerCredentials(path) });
  t.after(() => client[Symbol.dispose]());
  return { stand, registry, client };
}

test('parseChallenges() reads what servers send', () => {
  assert.deepEqual(
    parseChallenges('Bearer realm="https://a/token?x=1",service="b c",scope="d:e,f:pull,push"'),
    [
      {
        scheme: 'bearer',
        parameters: { realm: 'https://a/token?x=1', service: 'b c', scope: 'd:e,f:pull,push' },
      },
    ],
  );
  assert.deepEqual(parseChallenges('Negotiate, Basic realm="say \\"hi\\"" , BEARER Realm=x'), [
    { scheme: 'negotiate', parameters: {} },
    { scheme: 'basic', parameters: { realm: 'say "hi"' } },
    { scheme: 'bearer', parameters: { realm: 'x' } },
  ]);
  assert.deepEqual(parseChallenges(''), []);
});

test('a token that anybody gets is fetched once, and again when it is refused', async (t) => {
  const { stand, registry, client } = await guard(t, { challenge: 'bearer' });
  const repository = client.repository(stand.reference(registry.address));
  await Promise.all([repository.resolve(), repository.resolve()]);
  await repository.manifest(stand.manifest);
  const tokens = (): string[] =>
    registry.asked.map(({ path }) => path).filter((path) => path.startsWith('/token'));
  assert.deepEqual(tokens(), ['/token?service=some+registry&scope=repository%3Asome%2Fapp%3Apull']);
  registry.revoke();
  await repository.resolve();
  assert.equal(tokens().length, 2);
});

test('logins of config.json open token servers and registries', async (t) => {
  const auth = Buffer.from('user:pass:word').toString('base64');
  const configs: readonly (readonly [GuardOptions, (address: string) => object])[] = [
    [{ challenge: 'basic', login: LOGIN }, (address) => ({ auths: { [address]: { auth } } })],
    [
      { challenge: 'bearer', login: LOGIN },
      (address) => ({ auths: { [`https://${address}/v1/`]: { auth } } }),
    ],
    [
      { challenge: 'bearer', login: LOGIN },
      (address) => ({ auths: { [address]: { username: 'user', password: 'pass:word' } } }),
    ],
    [
      { challenge: 'bearer', login: 'nobody', refreshToken: 'r e+f' },
      (address) => ({ auths: { [address]: { auth: '', identitytoken: 'r e+f' } } }),
    ],
  ];
  for (const [options, config] of configs) {
    const { stand, registry, client } = await guard(t, options, config);
    assert.deepEqual(await client.repository(stand.reference(registry.address)).resolve(), stand.manifest);
  }
});

test('credential helpers are asked by docker’s protocol', async (t) => {
  const { stand, registry, client } = await guard(t, { challenge: 'basic', login: LOGIN }, (address) => ({
    credHelpers: { [address]: 'lade-test' },
    credsStore: 'missing',
  }));
  const program = join(stand.folder, 'docker-credential-lade-test');
  const path = process.env['PATH'];
  process.env['PATH'] = `${stand.folder}:${path}`;
  t.after(() => (process.env['PATH'] = path));
  const resolve = async (script: string): Promise<unknown> => {
    await writeFile(program, `#!/bin/sh\n${script}\n`);
    await chmod(program, 0o755);
    return client.repository(stand.reference(registry.address)).resolve();
  };
  const refused = (message: RegExp) => (reason: unknown) =>
    isCodedError(reason, 'unauthenticated') && message.test(`${reason.message} ${reason.cure}`);
  await assert.rejects(
    resolve('echo credentials not found in native keychain; exit 1'),
    refused(/docker login/),
  );
  await assert.rejects(
    resolve('echo surprise; exit 3'),
    refused(/lade-test for credentials: it failed \(3\)/),
  );
  await assert.rejects(resolve('echo pass:word'), refused(/is not a JSON object/));
  const answer = JSON.stringify({ ServerURL: 'x', Username: 'user', Secret: 'pass:word' });
  const asked = `[ "$1" = get ] && [ "$(cat)" = ${registry.address} ]`;
  assert.deepEqual(await resolve(`${asked} && echo '${answer}'`), stand.manifest);
});

test('refused credentials are told with a cure and without the secret', async (t) => {
  const login = { username: 'user', password: 'wrong' };
  for (const challenge of ['bearer', 'basic'] as const) {
    const { stand, registry, client } = await guard(t, { challenge, login: LOGIN }, (address) => ({
      auths: { [address]: login },
    }));
    await assert.rejects(client.repository(stand.reference(registry.address)).resolve(), (reason) => {
      assert.ok(isCodedError(reason, 'unauthenticated'), String(reason));
      assert.match(`${reason.message} ${reason.cure}`, /some\/app.*docker login 127/);
      assert.doesNotMatch(`${reason.message} ${reason.cure}`, /wrong/);
      return true;
    });
  }
});

test('a config.json that cannot be read is told without its content', async (t) => {
  const { stand, registry, client } = await guard(t, { challenge: 'bearer' });
  await writeFile(join(stand.folder, 'config.json'), '{"auths": secret');
  await assert.rejects(client.repository(stand.reference(registry.address)).resolve(), (reason) => {
    assert.ok(isCodedError(reason, 'invalid_argument'), String(reason));
    assert.doesNotMatch(String(reason), /secret/);
    return true;
  });
});

test('the store that blobs are redirected to sees no credentials', async (t) => {
  const store = await openStand();
  t.after(async () => store[Symbol.asyncDispose]());
  const elsewhere = await startGuardedRegistry(store.origin.address, { challenge: 'basic' });
  t.after(async () => elsewhere[Symbol.asyncDispose]());
  const { stand, registry, client } = await guard(t, { challenge: 'bearer', blobs: elsewhere.address });
  const repository = client.repository(stand.reference(registry.address));
  await assert.rejects(collectBytes(repository.blob(stand.layer), 4 << 20), (reason) => {
    assert.ok(isCodedError(reason, 'not_found'));
    assert.doesNotMatch(reason.message, /secret/);
    return true;
  });
  assert.deepEqual(
    elsewhere.asked.map(({ path, authorization }) => [path.split('?')[1], authorization]),
    [['signature=secret', undefined]],
  );
  const layer = await collectBytes(repository.blob(store.layer), 4 << 20);
  assert.deepEqual(layer, store.layerBytes);
});

test('a registry that tells nothing at HEAD is asked with GET', async (t) => {
  const { stand, registry, client } = await guard(t, { challenge: 'bearer', isTerse: true });
  assert.deepEqual(await client.repository(stand.reference(registry.address)).resolve(), stand.manifest);
  assert.deepEqual(
    registry.asked.filter(({ path }) => path.startsWith('/v2')).map(({ method }) => method),
    ['HEAD', 'HEAD', 'GET'],
  );
});
