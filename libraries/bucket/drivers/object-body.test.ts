import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import type { Bucket } from '../bucket.ts';
import { openBucket } from '../open-bucket.ts';

const BYTES = Buffer.alloc(8 << 20, 'lade');

async function openOn(t: TestContext, scheme: string, answer: RequestListener): Promise<Bucket> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keys = 'access-key-id=a&secret-access-key=b';
  const bucket = await openBucket(`${scheme}://lade?endpoint=${endpoint}&path-style=true&${keys}`);
  t.after(async () => {
    await bucket[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });
  return bucket;
}

for (const scheme of ['s3', 'obs'] as const) {
  test(`${scheme}: a body whose connection breaks before anybody reads it is unavailable`, async (t) => {
    const bucket = await openOn(t, scheme, (_request, response) => {
      response.writeHead(200, { 'content-length': 10, etag: '"v"' }).write('1234');
      setTimeout(() => response.destroy(), 10);
    });
    const { body } = await bucket.get('k');
    await sleep(50);
    await assert.rejects(collectBytes(body, 10), (reason: unknown) => isCodedError(reason, 'unavailable'));
  });

  test(`${scheme}: a body is whole however slowly it is read, and ends at once where that is aborted`, async (t) => {
    const bucket = await openOn(t, scheme, (_request, response) => {
      response.writeHead(200, { 'content-length': BYTES.byteLength, etag: '"v"' }).end(BYTES);
    });
    const pieces: Uint8Array[] = [];
    for await (const piece of (await bucket.get('k')).body) {
      if (pieces.push(piece) % 16 === 0) await sleep(1);
    }
    assert.ok(BYTES.equals(Buffer.concat(pieces)));
    const stop = new AbortController();
    const reason = new Error('enough');
    let seen = 0;
    await assert.rejects(async () => {
      for await (const _ of (await bucket.get('k', { signal: stop.signal })).body) {
        seen++;
        // Meanwhile more of it arrives, which nobody wants.
        await sleep(20);
        stop.abort(reason);
      }
    }, reason);
    assert.equal(seen, 1);
  });
}
