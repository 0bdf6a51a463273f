import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { answerFile, isFileRequest } from './static-files.ts';

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A site in a folder whose parent has a secret, and how to ask for its files; paths go out as they are written. */
async function openSite(): Promise<
  AsyncDisposable & { dist: string; get: (path: string, encoding?: string) => Promise<Reply> }
> {
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-files-')));
  const dist = join(folder, 'dist');
  await mkdir(join(dist, 'assets'), { recursive: true });
  await writeFile(join(folder, 'secret'), 'secret');
  await writeFile(join(dist, 'unlisted'), 'secret');
  const server = stack.use(
    createServer((incoming, response) => {
      if (isFileRequest(incoming)) void answerFile(incoming, response, dist);
      else response.writeHead(418).end('api');
    }),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const get = async (path: string, encoding = ''): Promise<Reply> => {
    const headers = { 'accept-encoding': encoding };
    const outgoing = request({ host: '127.0.0.1', port, path, headers, agent: false }).end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const text = Buffer.concat(await response.toArray()).toString('utf8');
    return { status: response.statusCode ?? 0, headers: response.headers, text };
  };
  const moved = stack.move();
  return { dist, get, [Symbol.asyncDispose]: async () => moved.disposeAsync() };
}

async function build(dist: string): Promise<void> {
  await writeFile(join(dist, 'index.html'), '<html>');
  await writeFile(join(dist, 'assets/a-1.js'), 'plain');
  await writeFile(join(dist, 'assets/a-1.js.gz'), gzipSync('packed'));
  await writeFile(join(dist, 'files.json'), JSON.stringify(['index.html', 'assets/a-1.js']));
}

test('a console that is not built says how to build it, and is served as soon as it is', async () => {
  await using site = await openSite();
  const before = await site.get('/');
  assert.equal(before.status, 503);
  assert.match(before.text, /node apps\/console\/build\.ts/);
  await build(site.dist);
  assert.deepEqual(
    [(await site.get('/')).status, (await site.get('/?x')).text, (await site.get('/v1/status')).text],
    [200, '<html>', 'api'],
  );
});

test('the page is asked for again each time, what it loads is kept for ever, and compressed when wanted', async () => {
  await using site = await openSite();
  await build(site.dist);
  const page = await site.get('/');
  assert.equal(page.headers['cache-control'], 'no-cache');
  assert.match(
    String(page.headers['content-security-policy']),
    /default-src 'self';.*frame-ancestors 'none'/,
  );
  assert.doesNotMatch(String(page.headers['content-security-policy']), /script-src|unsafe-eval/);
  assert.equal(page.headers['x-content-type-options'], 'nosniff');
  assert.equal(page.headers['referrer-policy'], 'no-referrer');
  const plain = await site.get('/assets/a-1.js');
  assert.equal(plain.text, 'plain');
  assert.match(String(plain.headers['cache-control']), /immutable/);
  const packed = await site.get('/assets/a-1.js', 'br, gzip');
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.equal(packed.headers['content-type'], 'text/javascript; charset=utf-8');
});

test('nothing but the listed names exists, however it is asked for', async () => {
  await using site = await openSite();
  await build(site.dist);
  for (const path of [
    '/assets/../unlisted',
    '/assets/../../secret',
    '/assets/%2e%2e/unlisted',
    '/assets/..%2f..%2fsecret',
    '/assets//a-1.js',
    '/assets/a-1.js.gz',
    '/assets/a-1.js/',
    '/assets/',
    '/assets/a-1.js%00',
    '/assets/\\..\\..\\secret',
  ]) {
    const reply = await site.get(path);
    assert.equal(reply.status, 404, path);
    assert.doesNotMatch(reply.text, /secret/);
  }
  assert.equal((await site.get('/unlisted')).text, 'api');
});
