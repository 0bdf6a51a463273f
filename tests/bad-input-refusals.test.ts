import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Status } from '@lade/control-protocol';
import { startOrigin } from '@lade/sandbox';
import { gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import { Testbed, needsRoot, waitUntil } from './testbed.ts';

/* A bucket that was set up wrongly: a pull works as if there were none, and the status says what is wrong and what to do. */
interface Mistake {
  readonly change: (url: URL) => void;
  readonly says: RegExp;
}

test('a bucket that refuses, or is none', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const layout = await bed.makeFolder('layout');
  await writeLayout(layout, { 'app:latest': [gzipLayer(soundTar(1)), gzipLayer(soundTar(2))] });
  await using origin = await startOrigin([layout]);
  await using page = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'text/html').end('<html></html>');
  });
  await once(page.listen(0, '127.0.0.1'), 'listening');
  const pageUrl = `http://localhost:${(page.address() as AddressInfo).port}`;
  const bucketUrl = await bed.bucket('OBS');

  const mistakes: Readonly<Record<string, Mistake>> = {
    'a wrong secret': {
      change: (url) => url.searchParams.set('secret-access-key', 'guessed'),
      says: /Cannot .* in obs:\/\/lade\/below\/a\/prefix\/: .*does not match the signature/,
    },
    'a bucket that is not there': {
      change: (url) => {
        url.hostname = 'other';
      },
      says: /Cannot .* in obs:\/\/other\/below\/a\/prefix\/: .*bucket does not exist/,
    },
    'a web server': {
      change: (url) => url.searchParams.set('endpoint', pageUrl),
      says: /Cannot .* in obs:\/\/lade\/below\/a\/prefix\/: the answer has no ETag/,
    },
  };
  for (const [i, [what, { change, says }]] of Object.entries(mistakes).entries()) {
    await t.test(what, async () => {
      const url = new URL(bucketUrl);
      change(url);
      const node = await bed.node(`node-${i}`, url.href, '2.1');
      await node.containerd.pull(`${origin.address}/app:latest`, { snapshotter: 'lade' });
      await waitUntil('the status says what is wrong', async () => {
        const { uploads } = JSON.parse(await node.ladeOrThrow('status', '--json')) as Status;
        return uploads.waiting > 0 && says.test(uploads.lastError ?? '');
      });
      assert.match(await node.ladeOrThrow('status'), says);
      await node.stopDaemon();
    });
  }
});
