import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { isCodedError } from '@lade/errors';
import { createFinder, type FinderSettings } from './create-finder.ts';

/* Services are played by servers that answer as the vendor's API references say. */
const EXPIRES = '2030-01-08T03:50:07.574000Z';
const TEMPORARY = { access: 'TEMP', secret: 'temporary secret', securitytoken: 'token', expires_at: EXPIRES };
const { signal } = new AbortController();

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answers = (asked: Asked, response: ServerResponse) => void;

/** Serves until the test ends; what it was asked comes into `asked`. */
async function serve(t: TestContext, answer: Answers): Promise<{ origin: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const { method = '', url: path = '', headers } = request;
      const question = { method, path, headers, body: await text(request) };
      asked.push(question);
      answer(question, response);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const nobody = async (t: TestContext): Promise<string> =>
  (await serve(t, (_, response) => response.writeHead(404).end())).origin;

function settings(
  variables: Readonly<Record<string, string>>,
  more: Partial<FinderSettings> = {},
): FinderSettings {
  return { cloud: 'huawei', environment: (name) => variables[name], ...more };
}

test('the environment comes first, and a half of it is an error', async (t) => {
  const metadata = await nobody(t);
  const place = { HUAWEICLOUD_SDK_METADATA_ENDPOINT: metadata };
  const variables = { ...place, OBS_ACCESS_KEY_ID: 'A', OBS_SECRET_ACCESS_KEY: 'S', OBS_SECURITY_TOKEN: 'T' };
  const find = createFinder(settings(variables));
  assert.deepEqual(await find(signal), {
    accessKeyId: 'A',
    secretAccessKey: 'S',
    sessionToken: 'T',
    source: 'environment variable OBS_ACCESS_KEY_ID',
  });
  const half = createFinder(settings({ ...place, HUAWEICLOUD_SDK_AK: 'A' }));
  await assert.rejects(half(signal), (e) => isCodedError(e, 'unauthenticated') && /SDK_SK/.test(e.message));
  assert.equal(await createFinder(settings(place))(signal), undefined);
});

test('the agency of a machine is found where the metadata service wants a token, and where it knows none', async (t) => {
  for (const wantsToken of [true, false]) {
    const { origin, asked } = await serve(t, ({ method, path, headers }, response) => {
      if (path === '/meta-data/latest/api/token' && method === 'PUT' && wantsToken) response.end('let me in');
      else if (path !== '/openstack/latest/securitykey') response.writeHead(404).end();
      else if (wantsToken && headers['x-metadata-token'] !== 'let me in') response.writeHead(401).end();
      else response.end(JSON.stringify({ credential: TEMPORARY }));
    });
    const found = await createFinder(settings({ HUAWEICLOUD_SDK_METADATA_ENDPOINT: origin }))(signal);
    assert.equal(found?.accessKeyId, 'TEMP');
    assert.equal(found.sessionToken, 'token');
    assert.equal(found.expiresAt?.toISOString(), '2030-01-08T03:50:07.574Z');
    assert.match(found.source, /agency of this machine/);
    assert.equal(asked.length, 2);
  }
});

test('the token of a service account is given to IAM for one of its own, and that for keys', async (t) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-credentials-'));
  const file = join(folder.path, 'token');
  await writeFile(file, 'of the pod\n');
  const { origin, asked } = await serve(t, ({ path }, response) => {
    if (path === '/v3.0/OS-AUTH/id-token/tokens')
      response.writeHead(201, { 'x-subject-token': 'of iam' }).end('{"token":{}}');
    else response.writeHead(201).end(JSON.stringify({ credential: TEMPORARY }));
  });
  const variables = {
    HUAWEICLOUD_SDK_IDP_ID: 'cce',
    HUAWEICLOUD_SDK_ID_TOKEN_FILE: file,
    HUAWEICLOUD_SDK_PROJECT_ID: 'project',
    HUAWEICLOUD_SDK_IAM_ENDPOINT: origin,
  };
  const find = createFinder(settings(variables));
  assert.equal((await find(signal))?.accessKeyId, 'TEMP');
  const [first, second] = asked;
  assert.equal(first?.headers['x-idp-id'], 'cce');
  assert.deepEqual(JSON.parse(first?.body ?? ''), {
    auth: { id_token: { id: 'of the pod' }, scope: { project: { id: 'project' } } },
  });
  assert.equal(second?.path, '/v3.0/OS-CREDENTIAL/securitytokens');
  assert.equal(second?.headers['x-auth-token'], 'of iam');
  await writeFile(file, 'renewed');
  await find(signal);
  assert.match(asked[2]?.body ?? '', /renewed/);
});

test('an agency is acted for with keys that were found, in a request that they sign', async (t) => {
  const { origin, asked } = await serve(t, (_, response) =>
    response.writeHead(201).end(JSON.stringify({ credential: TEMPORARY })),
  );
  const given = { accessKeyId: 'OWN', secretAccessKey: 'own secret' };
  const agency = { name: 'readers', domain: 'company' };
  const find = createFinder(settings({}, { given, agency, iam: origin }));
  const found = await find(signal);
  assert.equal(found?.source, 'agency readers of company, by bucket URL');
  const [request] = asked;
  assert.match(request?.body ?? '', /"agency_name":"readers","domain_name":"company"/);
  assert.equal(request?.headers.authorization, expectedAuthorization(request, given));
});

/** The signature once more, from what the server has seen (AK/SK signing guide of the API gateway). */
function expectedAuthorization(
  request: Asked | undefined,
  { accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string },
): string {
  const { headers = {}, body = '', path = '', method = '' } = request ?? {};
  const hash = (data: string): string => createHash('sha256').update(data).digest('hex');
  const names = ['content-type', 'host', 'x-sdk-date'];
  const lines = names.map((name) => `${name}:${String(headers[name])}`).join('\n');
  const canonical = `${method}\n${path}/\n\n${lines}\n\n${names.join(';')}\n${hash(body)}`;
  const signed = `SDK-HMAC-SHA256\n${String(headers['x-sdk-date'])}\n${hash(canonical)}`;
  const signature = createHmac('sha256', secretAccessKey).update(signed).digest('hex');
  return `SDK-HMAC-SHA256 Access=${accessKeyId}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
}

test('what a service refuses is told with its answer', async (t) => {
  const { origin } = await serve(t, (_, response) =>
    response.writeHead(403).end('{"error_msg":"agency unknown"}'),
  );
  const find = createFinder(
    settings(
      {},
      {
        given: { accessKeyId: 'A', secretAccessKey: 'very secret' },
        agency: { name: 'readers', domain: 'company' },
        iam: origin,
      },
    ),
  );
  await assert.rejects(find(signal), (e) => {
    assert.ok(isCodedError(e, 'unauthenticated'));
    assert.match(e.message, /agency readers of company.*403.*agency unknown/);
    assert.doesNotMatch(e.message, /very secret/);
    return true;
  });
});

test('a file and a command are read anew every time, and nothing else is asked', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-credentials-'));
  const file = join(folder.path, 'keys.json');
  const write = async (key: string): Promise<void> =>
    writeFile(
      file,
      JSON.stringify({ Version: 1, AccessKeyId: key, SecretAccessKey: 'S', Expiration: EXPIRES }),
    );
  const other = { OBS_ACCESS_KEY_ID: 'E', OBS_SECRET_ACCESS_KEY: 'S' };
  for (const place of [{ file }, { command: `cat '${file}'` }]) {
    const find = createFinder(settings(other, place));
    await write('one');
    assert.equal((await find(signal))?.accessKeyId, 'one');
    await write('two');
    assert.equal((await find(signal))?.accessKeyId, 'two');
    await writeFile(file, '{"AccessKeyId":"three"}');
    await assert.rejects(find(signal), /SecretAccessKey/);
    await writeFile(file, 'three');
    await assert.rejects(find(signal), (e) => isCodedError(e, 'unauthenticated') && /JSON/.test(e.message));
  }
  await assert.rejects(createFinder(settings({}, { file: '/nonexistent' }))(signal), /ENOENT/);
  await assert.rejects(createFinder(settings({}, { command: 'exit 3' }))(signal), /failed \(3\)/);
});
