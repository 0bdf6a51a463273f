import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBrowser, openPage } from '@lade/console/testing';
import type { LayerSummary } from '@lade/control-protocol';
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
      ['en', `${image.layers.length} layers`],
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

  await step('the map of a layer has its chunks and files, all of them here', async () => {
    const { layers } = (await (await fetch(`${url}/v1/layers`)).json()) as { layers: LayerSummary[] };
    const largest = layers.reduce((a, b) => (b.blobBytes > a.blobBytes ? b : a));
    await using opening = await openPage(opened.browser, { url: `${url}/#/layers/${largest.diffId}` });
    const { page, faults, audit } = opening;
    await page.getByText('100 %').waitFor();
    await page.getByRole('application').focus();
    await page.keyboard.press('End');
    await page.locator('.map-tip').getByText('on this node').waitFor();
    await page.locator('.map-tip code').first().waitFor();
    assert.deepEqual(await audit(), []);
    assert.deepEqual(faults, []);
  });

  await step('a container is run, asks for the token, and shows what it wrote', async () => {
    await using opening = await openPage(opened.browser, { url: `${url}/#/images` });
    const { page, audit } = opening;
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByLabel('Command').fill(`python3 -c "print('six times seven is', 6*7)"`);
    await page.getByRole('textbox', { name: 'Name' }).fill('from-console');
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByText(join(node.root, 'control-token')).waitFor();
    await page.getByLabel('Token', { exact: true }).fill(await readToken(node.root));
    await page.keyboard.press('Enter');
    await page.getByText('six times seven is 42').waitFor();
    await page.getByText('exited with 0').waitFor();
    assert.deepEqual(await audit(), []);
    await page.getByRole('button', { name: 'Remove from-console' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('This container is not here any more').waitFor();
  });

  await step('a container with a terminal takes what is typed', async () => {
    const token = await readToken(node.root);
    await using opening = await openPage(opened.browser, { url: `${url}/#token=${token}` });
    const { page } = opening;
    await page.getByRole('link', { name: 'Images' }).click();
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByLabel('Command').fill('python3 -q');
    await page.getByLabel('With a terminal').check();
    await page.getByLabel('Remove it when it has ended').check();
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByText('>>>').first().waitFor({ state: 'attached' });
    await page.keyboard.type('print(6 * 7)');
    await page.keyboard.press('Enter');
    await page
      .getByText(/^42\s*$/)
      .first()
      .waitFor({ state: 'attached' });
    await page.keyboard.type('exit()');
    await page.keyboard.press('Enter');
    await page
      .getByText(/The process ended with 0|not here any more/)
      .first()
      .waitFor();
  });

  await step(
    'the bucket is shown by kind, its objects by page, and a dry run finds nothing to remove',
    async () => {
      const token = await readToken(node.root);
      await using opening = await openPage(opened.browser, { url: `${url}/#token=${token}` });
      const { page } = opening;
      await page.getByRole('link', { name: 'Bucket' }).click();
      await page.getByText('packs of chunks').waitFor();
      await page
        .getByText(/^packs\/sha256/)
        .first()
        .waitFor();
      await page.getByRole('button', { name: 'Dry run' }).click();
      await page.getByText(/objects are needed:/).waitFor();
    },
  );

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

async function readToken(root: string): Promise<string> {
  return (await readFile(join(root, 'control-token'), 'utf8')).trim();
}

async function freePort(): Promise<number> {
  await using server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as { port: number }).port;
}
