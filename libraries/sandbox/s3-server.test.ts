import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { unpackSet } from './packages.ts';
import { startS3Server, type S3Server } from './s3-server.ts';
import { cacheFolder } from './test-cache.ts';

interface Request {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly secretAccessKey?: string;
}

/** AWS Signature Version 4, for paths that need no escaping and without a query. */
async function send(
  server: S3Server,
  method: string,
  path: string,
  request: Request = {},
): Promise<Response> {
  const { body = '', secretAccessKey = server.secretAccessKey } = request;
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const hmac = (key: string | Buffer, text: string): Buffer =>
    createHmac('sha256', key).update(text).digest();
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const sent = { ...request.headers, 'x-amz-content-sha256': sha256(body), 'x-amz-date': time };
  const headers = Object.entries({ ...sent, host: new URL(server.endpoint).host }).sort();
  const names = headers.map(([name]) => name).join(';');
  const lines = headers.map(([name, value]) => `${name}:${value}`);
  const canonical = [method, path, '', ...lines, '', names, sha256(body)].join('\n');
  const scope = [time.slice(0, 8), server.region, 's3', 'aws4_request'];
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(canonical)].join('\n'));
  const credential = `${server.accessKeyId}/${scope.join('/')}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${names},Signature=${signature.toString('hex')}`;
  return await fetch(server.endpoint + path, {
    method,
    headers: { ...sent, authorization },
    ...(body === '' ? {} : { body }),
  });
}

async function packages(t: TestContext): Promise<string> {
  return (await unpackSet('moto', { cacheFolder, log: (line) => t.diagnostic(line) })).folder;
}

test('startS3Server() stores, reads ranges, keeps conditions and checks signatures', async (t) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-s3-'));
  await using server = await startS3Server({
    packages: await packages(t),
    folder: folder.path,
    verifySignatures: true,
  });
  assert.equal((await send(server, 'PUT', '/bucket')).status, 200);
  assert.equal((await send(server, 'PUT', '/bucket/a/key', { body: 'hello' })).status, 200);
  const again = { body: 'changed', headers: { 'if-none-match': '*' } };
  assert.equal((await send(server, 'PUT', '/bucket/a/key', again)).status, 412);
  const part = await send(server, 'GET', '/bucket/a/key', { headers: { range: 'bytes=1-3' } });
  assert.deepEqual([part.status, await part.text()], [206, 'ell']);
  const forged = await send(server, 'GET', '/bucket/a/key', { secretAccessKey: 'guessed' });
  assert.equal(forged.status, 403);
});

test('startS3Server() without the check takes any key', async (t) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-s3-'));
  await using server = await startS3Server({ packages: await packages(t), folder: folder.path });
  assert.equal((await send(server, 'PUT', '/bucket', { secretAccessKey: 'any' })).status, 200);
});
