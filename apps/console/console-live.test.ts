import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { PICTURES, createNode, openPage, startApiServer, useBrowser } from './testing/index.ts';

/* The built console in a real browser: a map of many chunks, and many events. */
const opened = useBrowser();

const diffId = createNode().layers[3]?.diffId ?? '';

test('the map of 100,000 chunks shows what is touched, and names files for pointer and keys', async () => {
  await using api = await startApiServer(
    createNode({ chunks: 100_000, touches: { perSecond: 10, chunks: 2000 } }),
  );
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/layers/${diffId}` });
  const { page, faults } = opening;
  const map = page.getByRole('application');
  await map.waitFor();
  await page
    .getByText(/of 100,000 chunks/)
    .first()
    .waitFor();
  const before = await map.screenshot();
  await page.waitForFunction('new Promise((done) => setTimeout(() => done(true), 300))');
  assert.notDeepEqual(await map.screenshot(), before);
  await map.hover({ position: { x: 40, y: 40 } });
  await page
    .getByText(/Chunk [\d,]+/)
    .first()
    .waitFor();
  await map.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await page.getByText('Chunk 1', { exact: true }).waitFor();
  await page
    .locator('.map-tip')
    .getByText(/usr\/lib/)
    .first()
    .waitFor();
  await page.screenshot({ path: join(PICTURES, 'map-100000.png') });
  await page.getByRole('button', { name: 'Replay on the map' }).click();
  assert.deepEqual(faults, []);
});

test('1,000 events a second are listed, filtered and paused', async () => {
  await using api = await startApiServer(createNode({ eventsPerSecond: 1000 }));
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/events` });
  const { page, faults } = opening;
  await page.getByText(/of 5,000 events/).waitFor();
  assert.ok((await page.locator('.event').count()) < 100);
  await page.getByLabel('Only failures').check();
  await page.getByText('code=unavailable').first().waitFor();
  await page.getByLabel('Only failures').uncheck();
  await page.getByRole('combobox').selectOption('containerd');
  await page.getByLabel('Search').fill('PREPARE');
  await page.getByRole('button', { name: 'Pause' }).click();
  const first = await page.locator('.event').first().textContent();
  await page.getByRole('button', { name: /[\d,]+ new/ }).waitFor();
  assert.equal(await page.locator('.event').first().textContent(), first);
  assert.match(first ?? '', /containerd\.snapshots\.prepare/);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByLabel('Search').fill('there is nothing like this');
  await page.getByText('No event is like that').waitFor();
  assert.deepEqual(faults, []);
});
