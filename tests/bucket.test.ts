import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { describeBucketConformance } from '@lade/bucket/conformance';
import { startS3Server, unpackSet } from '@lade/sandbox';
import { CACHE } from './programs.ts';

/*
 * The drivers of S3 and OBS against moto, a store that nobody here wrote, one put at a time, and against the same store behind a proxy
 * that drops conditions, as simple stores ignore them.
 */
const SLOW =
  'it takes moto half a minute, and says nothing that the S3 bucket there or the stand-in for OBS does not';
const LONG_LIST = { 'list() gives 2,500 keys in the order of their bytes, from anywhere': SLOW };
const stack = new AsyncDisposableStack();
let endpoint = '';
let orderlyEndpoint = '';
let simpleEndpoint = '';

before(async () => {
  const { folder: packages } = await unpackSet('moto', { cacheFolder: CACHE, log: () => {} });
  const folder = await mkdtemp(join(tmpdir(), 'lade-s3-'));
  stack.defer(async () => rm(folder, { recursive: true }));
  const server = stack.use(await startS3Server({ packages, folder }));
  ({ endpoint } = server);
  simpleEndpoint = await startProxy(forwardWithoutConditions);
  orderlyEndpoint = await startProxy(forwardInTurn);
  const created = await fetch(`${endpoint}/conformance`, { method: 'PUT' });
  if (!created.ok) throw new Error(`no bucket: ${await created.text()}`);
});

after(async () => stack.disposeAsync());

describeBucketConformance('the S3 bucket on moto', async (t) => openIn(t, 's3', orderlyEndpoint));
describeBucketConformance(
  'the OBS bucket with V4 on moto',
  async (t) => openIn(t, 'obs', orderlyEndpoint, '&signature=v4'),
  { leftOut: { ...LONG_LIST, 'streams of 260 MB in all pass through bounded memory': SLOW } },
);
describeBucketConformance(
  'the S3 bucket on a store that ignores conditions',
  async (t) => openIn(t, 's3', simpleEndpoint),
  { conditional: 'emulated', leftOut: LONG_LIST },
);

async function openIn(
  t: TestContext,
  scheme: 's3' | 'obs',
  address: string,
  parameters = '',
): Promise<Bucket> {
  const key = 'access-key-id=anyone&secret-access-key=anything';
  const place = `conformance/${randomUUID()}?endpoint=${address}&path-style=true`;
  const url = `${scheme}://${place}&${key}${parameters}`;
  const bucket = await openBucket(url);
  t.after(async () => bucket[Symbol.asyncDispose]());
  return bucket;
}

async function startProxy(forward: RequestListener): Promise<string> {
  const server = createServer(forward);
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

let turn: Promise<unknown> = Promise.resolve();

/** One put at a time: moto computes ETags without a lock, so that racing puts may see one that was never there. */
function forwardInTurn(incoming: IncomingMessage, answer: ServerResponse): void {
  if (incoming.method !== 'PUT') {
    forward(incoming, answer, incoming.headers);
    return;
  }
  const before = turn;
  const forwardAfter = async (): Promise<void> => {
    await before;
    if (answer.closed) return;
    forward(incoming, answer, incoming.headers);
    await once(answer, 'close');
  };
  turn = forwardAfter().catch(() => {});
}

function forwardWithoutConditions(incoming: IncomingMessage, answer: ServerResponse): void {
  const { 'if-match': _match, 'if-none-match': _none, ...headers } = incoming.headers;
  forward(incoming, answer, headers);
}

function forward(incoming: IncomingMessage, answer: ServerResponse, headers: IncomingHttpHeaders): void {
  const { method = 'GET', url = '/' } = incoming;
  const upstream = request(`${endpoint}${url}`, { method, headers }, (response) => {
    answer.writeHead(response.statusCode ?? 500, response.headers);
    response.pipe(answer);
  });
  upstream.on('error', () => answer.destroy());
  incoming.on('close', () => {
    if (!incoming.complete) upstream.destroy();
  });
  answer.on('close', () => upstream.destroy());
  incoming.pipe(upstream);
}
