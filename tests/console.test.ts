import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { openBrowser, openPage } from '@lade/console/testing';
import { startOrigin } from '@lade/sandbox';
import { Testbed, inSteps, needsRoot, readImage } from './testbed.ts';

/* The console as a daemon serves it, of a node with a containerd and an image. */

test('the console shows a real node', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  await using opened = await openBrowser();
  const step = inSteps(t);
  const built = await bed.image('python');
  const image = await readImage(built);
  const url = `http://127.0.0.1:${await freePort()}`;
  const node = await bed.node('node', await bed.bucket('directory'), '2.1', ['--http', new URL(url).host]);
  let reference = '';

  await step('the daemon serves the page with a policy that lets no other code in', async () => {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /<div id="app">/);
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'self'/);
  });

  await step('an empty node says so, and what to do', async () => {
    await using opening = await openPage(opened.browser, { url });
    await opening.page.getByText('This node is empty').waitFor();
    await opening.page.getByText(/connected, v?2\.1/).waitFor();
    assert.deepEqual(opening.faults, []);
  });

  await step('an image that containerd has pulled is listed with its layers, in both languages', async () => {
    await using origin = await startOrigin([built.layout]);
    reference = `${origin.address}/${built.name}`;
    await node.containerd.pull(reference, { snapshotter: 'lade' });
    await node.publishes(reference);
    await node.uploaded();
    for (const [language, layers] of [
      ['en', `${image.layers.length} Layers`],
      ['zh', `${image.layers.length} 层`],
    ] as const) {
      await using opening = await openPage(opened.browser, { url: `${url}/#/images`, language });
      const { page, audit } = opening;
      await page.getByRole('heading', { name: reference }).waitFor();
      await page.getByRole('button', { name: layers, exact: true }).click();
      assert.equal(await page.locator('tbody tr').count(), image.layers.length);
      assert.deepEqual(await audit(), []);
    }
  });

  await step('the overview counts what was done, and nothing needs attention', async () => {
    await using opening = await openPage(opened.browser, { url });
    const { page, audit } = opening;
    await page.getByText('Everything works').waitFor();
    await page.getByText('everything is in the bucket').waitFor();
    assert.deepEqual(await audit(), []);
  });

  await step('a daemon that has gone is missed, and found again', async () => {
    await using opening = await openPage(opened.browser, { url });
    const { page } = opening;
    await page.getByText('Everything works').waitFor();
    await node.stopDaemon();
    await page.getByRole('alert').getByText('The daemon does not answer').waitFor();
    await node.startDaemon();
    await page.getByText('Everything works').waitFor();
  });
});

async function freePort(): Promise<number> {
  await using server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as { port: number }).port;
}
